"""Checks of files under deploy/ whose own programs Debian does not have: Grafana's, Loki's, Alloy's, the OpenTelemetry Collector's.

Usage: check.py DEPLOY. Prints what is wrong, a line each, and ends with 1 then. It knows the keys that those programs read, so that a
misspelled one, which some of them pass over in silence, is found; it cannot show that they start.
"""

import configparser
import json
import pathlib
import re
import sys
import tomllib

import yaml

DEPLOY = pathlib.Path(sys.argv[1])
WRONG = []

GRAFANA = {
    "server": "root_url serve_from_sub_path enforce_domain",
    "database": "type host name user password ssl_mode max_open_conn max_idle_conn conn_max_lifetime",
    "security": "secret_key admin_password",
    "remote_cache": "type connstr",
    "unified_alerting": "enabled ha_listen_address ha_advertise_address ha_peers ha_peer_timeout",
    "metrics": "enabled",
    "analytics": "reporting_enabled check_for_updates check_for_plugin_updates",
}

# A key with a dict below it is a block; None takes any value. `*` is any name.
DATA_SOURCE = {
    "name": None, "uid": None, "type": None, "access": None, "url": None, "isDefault": None, "editable": None,
    "jsonData": {
        "tracesToLogsV2": {
            "datasourceUid": None, "spanStartTimeShift": None, "spanEndTimeShift": None, "tags": {"key": None, "value": None},
            "filterByTraceID": None, "filterBySpanID": None, "customQuery": None, "query": None,
        },
        "tracesToMetrics": {
            "datasourceUid": None, "spanStartTimeShift": None, "spanEndTimeShift": None, "tags": {"key": None, "value": None},
            "queries": {"name": None, "query": None},
        },
        "nodeGraph": {"enabled": None}, "spanBar": {"type": None, "tag": None}, "traceIdTimeParams": {"enabled": None},
        "httpMethod": None, "timeInterval": None, "prometheusType": None,
        "exemplarTraceIdDestinations": {"name": None, "datasourceUid": None, "url": None},
        "derivedFields": {
            "name": None, "matcherType": None, "matcherRegex": None, "datasourceUid": None, "url": None, "urlDisplayLabel": None,
        },
        "implementation": None, "handleGrafanaManagedAlerts": None,
    },
}

LOKI = {
    "auth_enabled": None,
    "server": {k: None for k in "http_listen_port grpc_listen_port http_server_read_timeout http_server_write_timeout".split()},
    "analytics": {"reporting_enabled": None},
    "common": {
        "path_prefix": None, "replication_factor": None, "instance_addr": None,
        "ring": {
            "instance_id": None, "heartbeat_period": None, "heartbeat_timeout": None,
            "kvstore": {
                "store": None, "prefix": None,
                "etcd": {k: None for k in "endpoints dial_timeout max_retries tls_enabled username password".split()},
            },
        },
        "storage": {
            "s3": {k: None for k in "endpoint bucketnames access_key_id secret_access_key s3forcepathstyle insecure region".split()},
        },
    },
    "schema_config": {
        "configs": {"from": None, "store": None, "object_store": None, "schema": None, "index": {"prefix": None, "period": None}},
    },
    "storage_config": {"tsdb_shipper": {"active_index_directory": None, "cache_location": None}},
    "compactor": {
        k: None
        for k in "working_directory compaction_interval retention_enabled retention_delete_delay delete_request_store".split()
    },
    "limits_config": {
        "retention_period": None, "retention_stream": {"selector": None, "priority": None, "period": None},
        "allow_structured_metadata": None, "reject_old_samples": None, "reject_old_samples_max_age": None, "query_timeout": None,
    },
    "ingester": {"autoforget_unhealthy": None},
}


def wrong(where, what):
    WRONG.append(f"{where}: {what}")


def load(name):
    return yaml.safe_load((DEPLOY / name).read_text())


def keys(where, value, known):
    """Every key below `value` is one of `known`."""
    if known is None:
        return
    for item in value if isinstance(value, list) else [value]:
        if not isinstance(item, dict):
            wrong(where, "is not a block")
            continue
        for key, below in item.items():
            if key not in known:
                wrong(where, f"unknown key {key}")
            else:
                keys(f"{where}.{key}", below, known[key])


def grafana_ini():
    parser = configparser.ConfigParser(interpolation=None)
    parser.read(DEPLOY / "grafana/grafana.ini")
    for section in parser.sections():
        for key in parser[section]:
            if key not in GRAFANA.get(section, "").split():
                wrong("grafana.ini", f"unknown key [{section}] {key}")
    if parser["database"]["type"] == "sqlite3":
        wrong("grafana.ini", "sqlite3 cannot be shared")


def data_sources():
    name = "grafana/provisioning/datasources/spoor.yaml"
    sources = load(name)["datasources"]
    keys(name, sources, DATA_SOURCE)
    uids = [source["uid"] for source in sources]
    if len(set(uids)) != len(uids):
        wrong(name, f"uids come twice: {uids}")
    text = (DEPLOY / name).read_text()
    for uid in re.findall(r"datasourceUid: (\S+)", text):
        if uid not in uids:
            wrong(name, f"no data source has the uid {uid}")
    code = "\n".join(line for line in text.splitlines() if not line.lstrip().startswith("#"))
    if re.search(r"(?<!\$)\$(?!\$)", re.sub(r"\$\$", "", code)):
        wrong(name, "a dollar sign is not doubled")
    return uids


def dashboards():
    provider = load("grafana/provisioning/dashboards/spoor.yaml")["providers"]
    known = "name folder type disableDeletion updateIntervalSeconds allowUiUpdates options".split()
    keys("dashboards/spoor.yaml", provider, dict.fromkeys(known))
    seen = set()
    for file in sorted((DEPLOY / "grafana/dashboards").glob("*.json")):
        board = json.loads(file.read_text())
        if board["id"] is not None or board["uid"] != file.stem or board["uid"] in seen or len(board["uid"]) > 40:
            wrong(file.name, "id must be null, uid the file's name and there once")
        seen.add(board["uid"])
        variables = {variable["name"] for variable in board["templating"]["list"]}
        ids = [panel["id"] for panel in board["panels"]]
        if len(set(ids)) != len(ids):
            wrong(file.name, "ids of panels come twice")
        for panel in board["panels"]:
            for source in [panel["datasource"], *(target["datasource"] for target in panel["targets"])]:
                if source["uid"].strip("${}") not in variables:
                    wrong(file.name, f"{panel['title']}: a literal data source {source['uid']}")
            if any(re.search(r"rate\([^\[]*\[\d", target["expr"]) for target in panel["targets"]):
                wrong(file.name, f"{panel['title']}: a literal window")


def loki():
    settings = load("loki/loki.yaml")
    keys("loki.yaml", settings, LOKI)
    if not settings["compactor"].get("delete_request_store"):
        wrong("loki.yaml", "with retention Loki does not start without compactor.delete_request_store")
    if any(config["index"]["period"] != "24h" for config in settings["schema_config"]["configs"]):
        wrong("loki.yaml", "the index's period must be 24h")
    if settings["common"]["replication_factor"] < 3:
        wrong("loki.yaml", "fewer than three copies do not stand the loss of one")
    if len(settings["common"]["ring"]["kvstore"]["etcd"]["endpoints"]) % 2 == 0:
        wrong("loki.yaml", "an even number of etcd")


def shipping():
    """What Alloy and the collector read out of a line are fields that a line has; the trace's id is no label."""
    alloy = (DEPLOY / "alloy/config.alloy").read_text()
    code = "\n".join(line for line in alloy.splitlines() if not line.lstrip().startswith("//"))
    if any(code.count(a) != code.count(b) for a, b in ("{}", "()", "[]")):
        wrong("config.alloy", "brackets do not match")
    components = set(re.findall(r'^(\w+(?:\.\w+)+) "(\w+)"', code, re.M))
    names = {f"{kind}.{label}" for kind, label in components}
    for target in re.findall(r"forward_to = \[(\S+)\.receiver\]", code):
        if target not in names:
            wrong("config.alloy", f"nothing is called {target}")
    labels = re.search(r"stage\.labels \{(.*?)\n  \}", code, re.S).group(1)
    if "trace_id" in labels:
        wrong("config.alloy", "trace_id must not be a label")
    collector = load("otelcol/logs.yaml")
    for name, pipeline in collector["service"]["pipelines"].items():
        for kind in ("receivers", "processors", "exporters"):
            for part in pipeline[kind]:
                if part not in collector[kind]:
                    wrong("logs.yaml", f"{name}: no {kind} {part}")


def small_files():
    tomllib.loads((DEPLOY / "influxdb/influxdb.conf").read_text())
    kustomization = load("kubernetes/kustomization.yaml")
    there = {file.name for file in (DEPLOY / "kubernetes").glob("*.yaml")} - {"kustomization.yaml"}
    if set(kustomization["resources"]) != there:
        wrong("kustomization.yaml", f"its resources are not the files beside it: {there ^ set(kustomization['resources'])}")


def compose():
    """Files that are mounted are there, and what a service waits for is a service."""
    services = {}
    for name in ("production.yaml", "monitoring.yaml", "all-in-one.yaml"):
        for service, value in load(f"compose/{name}")["services"].items():
            services.setdefault(service, []).append((name, value))
    for service, parts in services.items():
        for name, value in parts:
            for other in value.get("depends_on", []):
                if other not in services:
                    wrong(name, f"{service} waits for {other}, which is not there")
            for volume in value.get("volumes", []):
                source = volume.split(":")[0]
                if source.startswith("..") and not (DEPLOY / "compose" / source).exists():
                    wrong(name, f"{service}: {source} is not there")


for check in (grafana_ini, data_sources, dashboards, loki, shipping, small_files, compose):
    check()
print("\n".join(WRONG))
sys.exit(bool(WRONG))

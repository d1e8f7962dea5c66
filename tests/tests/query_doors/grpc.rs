//! The doors of the gRPC port, which are those of the HTTP port.

use spoor_proto::jaeger::api_v2::GetTraceRequest;
use spoor_proto::jaeger::api_v2::query_service_client::QueryServiceClient as ClientV2;
use spoor_proto::jaeger::api_v3::GetServicesRequest;
use spoor_proto::jaeger::api_v3::query_service_client::QueryServiceClient as ClientV3;
use tonic::transport::Channel;
use tonic::{Code, Request, Status};

use super::*;

/// The services that a tenant sees.
async fn services(channel: &Channel, tenants: &[&'static str]) -> Result<Vec<String>, Status> {
    let mut request = Request::new(GetServicesRequest {});
    for tenant in tenants {
        request.metadata_mut().append("x-tenant", tenant.parse().expect("a tenant's name is text"));
    }
    Ok(ClientV3::new(channel.clone()).get_services(request).await?.into_inner().services)
}

#[tokio::test(flavor = "multi_thread")]
async fn tenants_see_their_own_by_grpc_too() -> Result<()> {
    let args =
        [MEMORY, "--multi-tenancy.enabled", "--multi-tenancy.tenants=red,blue", "--reporter.grpc.tenant=red"];
    let spoor = Spoor::start(Role::AllInOne, &args).await?;
    spoor.ready().await?;
    let trace = "5b8efff798038103d269b633813fc60c";
    ensure!(post(&spoor, Some("red"), &span(trace, "reds")).await? == 200, "a tenant's span is taken");
    let channel = Channel::from_shared(spoor.url("query-grpc"))?.connect().await?;
    ensure!(services(&channel, &["red"]).await? == ["reds"], "its own");
    ensure!(services(&channel, &["blue"]).await?.is_empty(), "another's");

    let trace_id: spoor_model::TraceId = trace.parse()?;
    let mut request =
        Request::new(GetTraceRequest { trace_id: trace_id.to_bytes().to_vec().into(), ..Default::default() });
    request.metadata_mut().append("x-tenant", "blue".parse()?);
    let refused = ClientV2::new(channel.clone()).get_trace(request).await.map(drop).unwrap_err();
    ensure!(refused.code() == Code::NotFound, "another's trace: {refused:?}");
    for (tenants, code, text) in [
        (&[][..], Code::Unauthenticated, "missing tenant header"),
        (&["green"], Code::PermissionDenied, "unknown tenant"),
        (&["red", "blue"], Code::PermissionDenied, "extra tenant header"),
    ] {
        let refused = services(&channel, tenants).await.unwrap_err();
        ensure!((refused.code(), refused.message()) == (code, text), "{tenants:?}: {refused:?}");
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn an_authority_of_clients_serves_its_clients_alone_by_grpc_too_and_the_log_tells_of_them() -> Result<()>
{
    let authority = Authority::new()?;
    authority.issue("server", "server.test")?;
    authority.issue("client", "client.test")?;
    let mut flags = vec![MEMORY.to_owned(), "--query.access-log".to_owned()];
    flags.extend(authority.flags("query.grpc", "server"));
    flags.push(format!("--query.grpc.tls.client-ca={}", authority.path("ca")));
    let spoor = Spoor::start(Role::AllInOne, &flags.iter().map(String::as_str).collect::<Vec<_>>()).await?;
    spoor.ready().await?;
    ensure!(post(&spoor, None, &span("5b8efff798038103d269b633813fc60c", "hush")).await? == 200);
    let address = spoor.address("query-grpc");

    let channel = authority.channel(&address, "server.test", Some("client")).await?;
    ensure!(services(&channel, &[]).await? == ["hush"], "a client of the authority is served");
    // With TLS 1.3 a client learns only with its first question that it is not let in.
    let stranger = async {
        Ok::<_, anyhow::Error>(services(&authority.channel(&address, "server.test", None).await?, &[]).await?)
    };
    let refused = stranger.await;
    ensure!(refused.is_err(), "a client without a certificate is served: {refused:?}");

    let access = || {
        let log = spoor.log();
        let mut lines = log.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
        lines.find(|line| line["message"] == "access").context(log)
    };
    eventually("the line of the access log", Duration::from_secs(20), || async { access().map(drop) })
        .await?;
    let access = access()?;
    ensure!(
        access["path"] == "/jaeger.api_v3.QueryService/GetServices" && access["whole"] == true,
        "{access}"
    );
    ensure!(!spoor.log().contains("hush"), "{}", spoor.log());
    Ok(())
}

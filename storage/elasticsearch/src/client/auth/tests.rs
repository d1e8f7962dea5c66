use super::*;

fn config(change: impl FnOnce(&mut ConnectionConfig)) -> ConnectionConfig {
    let mut config = ConnectionConfig::default();
    change(&mut config);
    config
}

fn refused(change: impl FnOnce(&mut ConnectionConfig)) -> String {
    Auth::new(&config(change)).expect_err("refused").to_string()
}

fn basic(config: &mut ConnectionConfig) {
    config.auth.username = "me".to_owned();
    config.auth.password = "hush".into();
}

fn node(url: &str) -> NodeUrl {
    url.parse().unwrap()
}

#[test]
fn two_ways_at_once_are_an_error_that_names_both() {
    type Change = fn(&mut ConnectionConfig);
    let token: Change = |config| config.auth.token_file = "/t".to_owned();
    let key: Change = |config| config.auth.api_key_file = "/k".to_owned();
    let url: Change = |config| config.server_urls = vec![node("http://u:hush@a")];
    for (changes, flags) in [
        ([basic as Change, token], ["--es.username", "--es.token-file"]),
        ([basic, key], ["--es.username", "--es.api-key-file"]),
        ([token, key], ["--es.token-file", "--es.api-key-file"]),
        ([url, token], ["--es.server-urls", "--es.token-file"]),
        (
            [basic, |config| config.auth.password_file = "/p".to_owned()],
            ["--es.password", "--es.password-file"],
        ),
    ] {
        let error = refused(|config| changes.iter().for_each(|change| change(config)));
        assert!(flags.iter().all(|flag| error.contains(flag)) && !error.contains("hush"), "{error}");
    }
}

#[test]
fn a_password_without_a_user_is_not_left_aside_silently() {
    assert!(refused(|config| config.auth.password = "hush".into()).contains("--es.username"));
    let error = refused(|config| config.auth.password_file = "/p".to_owned());
    assert!(error.starts_with("--es.password-file") && error.contains("--es.username"), "{error}");
    let error = refused(|config| config.auth.username = "a:b".to_owned());
    assert!(error.starts_with("--es.username") && error.contains("colon"), "{error}");
}

#[tokio::test]
async fn a_nodes_own_credentials_come_before_ours_and_the_callers_before_all() {
    let auth = Auth::new(&config(|config| {
        basic(config);
        config.auth.bearer_token_propagation = true;
    }))
    .unwrap();
    let caller = Credentials::bearer("callers");
    let header = async |auth: &Auth, url: &str, caller| {
        auth.authorize(&node(url), caller).await.unwrap().header.unwrap()
    };
    assert_eq!(header(&auth, "http://a", None).await, "Basic bWU6aHVzaA==");
    assert_eq!(header(&auth, "http://u:p@a", None).await, "Basic dTpw");
    assert_eq!(header(&auth, "http://u:p@a", Some(&caller)).await, "Bearer callers");
    let alone = Auth::new(&config(basic)).unwrap();
    assert_eq!(
        header(&alone, "http://a", Some(&caller)).await,
        "Basic bWU6aHVzaA==",
        "not asked to pass it on"
    );
}

#[tokio::test]
async fn a_callers_token_that_cannot_be_sent_is_not_replaced_by_ours() {
    let auth = Auth::new(&config(|config| {
        basic(config);
        config.auth.bearer_token_propagation = true;
    }))
    .unwrap();
    let result = auth.authorize(&node("http://a"), Some(&Credentials::bearer("a\nb"))).await;
    assert!(matches!(result, Err(Cause::Token)), "{result:?}");
}

#[test]
fn users_tokens_alone_need_what_the_store_cannot_be_asked_for() {
    let alone = |version, sniffs| {
        config(|config| {
            config.auth.bearer_token_propagation = true;
            config.version = version;
            config.sniffing.enabled = sniffs;
        })
    };
    let error = Auth::new(&alone(0, false)).unwrap_err().to_string();
    assert!(error.contains("--es.bearer-token-propagation") && error.contains("--es.version"), "{error}");
    let error = Auth::new(&alone(9, true)).unwrap_err().to_string();
    assert!(error.contains("--es.sniffer=false"), "{error}");
    assert!(Auth::new(&alone(9, false)).is_ok());
    let error = check_writer(&alone(9, false)).unwrap_err().to_string();
    assert!(error.contains("--es.token-file"), "{error}");
    let with_own = config(|config| {
        basic(config);
        config.auth.bearer_token_propagation = true;
    });
    assert!(Auth::new(&with_own).is_ok() && check_writer(&with_own).is_ok());
}

#[tokio::test]
async fn advice_names_the_flags_of_the_way_that_was_taken() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("secret");
    std::fs::write(&path, "hush").unwrap();
    let path = path.to_str().unwrap();
    let advice = async |change: &dyn Fn(&mut ConnectionConfig), url: &str, caller| {
        let auth = Auth::new(&config(change)).unwrap();
        let authorization = auth.authorize(&node(url), caller).await.unwrap();
        assert!(!format!("{auth:?} {authorization:?}").contains("hush"));
        let told = [401, 403]
            .map(|status| auth.advice(&authorization, StatusCode::from_u16(status).unwrap()).unwrap());
        assert_eq!(auth.advice(&authorization, StatusCode::BAD_REQUEST), None);
        told.join("; ")
    };
    let told = advice(&basic, "http://a", None).await;
    assert_eq!(told, "check --es.username and --es.password; check what the user of --es.username may do");
    let by_file = |config: &mut ConnectionConfig| {
        config.auth.username = "me".to_owned();
        config.auth.password_file = path.to_owned();
    };
    assert!(
        advice(&by_file, "http://a", None).await.starts_with("check --es.username and --es.password-file;")
    );
    let token = |config: &mut ConnectionConfig| config.auth.token_file = path.to_owned();
    assert!(advice(&token, "http://a", None).await.starts_with("check --es.token-file;"));
    let key = |config: &mut ConnectionConfig| config.auth.api_key_file = path.to_owned();
    assert!(advice(&key, "http://a", None).await.starts_with("check --es.api-key-file;"));
    assert!(advice(&|_| {}, "http://u:hush@a", None).await.contains("--es.server-urls"));
    assert!(advice(&|_| {}, "http://a", None).await.contains("no credentials"));
    let certified = |config: &mut ConnectionConfig| config.tls.cert = "/c".to_owned();
    assert!(advice(&certified, "http://a", None).await.contains("--es.tls.cert;"));
    let propagating = |config: &mut ConnectionConfig| {
        config.auth.bearer_token_propagation = true;
        config.version = 9;
    };
    let caller = Credentials::bearer("hush");
    assert!(advice(&propagating, "http://a", Some(&caller)).await.contains("--es.bearer-token-propagation"));
    assert!(advice(&propagating, "http://a", None).await.contains("had no user's token"));
}

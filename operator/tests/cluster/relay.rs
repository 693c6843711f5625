//! A relay to the API server with the faults of networks and busy servers: it rejects a request,
//! loses a request, or loses the answer to one. All other requests pass unchanged.

use std::collections::BTreeMap;
use std::io::ErrorKind;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use axum::body::to_bytes;
use axum::extract::Query;
use axum::http::{Method, Request, Response, StatusCode, header};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use kube::Client;
use kube::client::Body;
use kube::config::{AuthInfo, KubeConfigOptions, Kubeconfig};
use serde_json::{Value, json};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

/// A request, presented once before it is sent to the API server and once after the answer.
pub struct Call<'a> {
    pub method: &'a Method,
    /// For example `jobs` or `iflearnerjobs/status`; the path of a resource without namespace.
    pub what: &'a str,
    /// Empty in a list or watch.
    pub name: &'a str,
    /// The query, for example `labelSelector`.
    pub query: &'a BTreeMap<String, String>,
    /// The body.
    pub body: &'a Value,
    /// The answer of the API server, after it has answered.
    pub answer: Option<StatusCode>,
}

impl Call<'_> {
    /// For example `POST jobs`.
    pub fn line(&self) -> String {
        format!("{} {}", self.method, self.what)
    }

    /// The request changed an object.
    pub fn wrote(&self) -> bool {
        *self.method != Method::GET && self.answer.is_some_and(|code| code.is_success())
    }
}

/// The treatment of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    Pass,
    /// Answer with this status and a retry delay of one second.
    Refuse(StatusCode),
    /// Close the connection.
    Cut,
}

type Judge = dyn FnMut(&Call<'_>) -> Fate + Send;

pub struct Relay {
    address: SocketAddr,
    folder: tempfile::TempDir,
    rounds: watch::Sender<()>,
}

struct Line {
    upstream: Client,
    judge: Mutex<Box<Judge>>,
}

impl Relay {
    /// Starts a relay to the cluster of a kubeconfig.
    pub async fn start(
        kubeconfig: &Path,
        judge: impl FnMut(&Call<'_>) -> Fate + Send + 'static,
    ) -> Self {
        let mut config = Kubeconfig::read_from(kubeconfig).unwrap();
        // The clients send a token.
        config.auth_infos[0].auth_info = Some(AuthInfo::default());
        let mut config =
            kube::Config::from_custom_kubeconfig(config, &KubeConfigOptions::default())
                .await
                .unwrap();
        config.default_retry = false;
        let line = Arc::new(Line {
            upstream: Client::try_from(config).unwrap(),
            judge: Mutex::new(Box::new(judge)),
        });
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let relay = Self {
            address: listener.local_addr().unwrap(),
            folder: tempfile::tempdir().unwrap(),
            rounds: watch::Sender::default(),
        };
        let cut = relay.rounds.subscribe();
        tokio::spawn(async move {
            let mut closed = cut.clone();
            let accept = async {
                loop {
                    let (stream, _) = listener.accept().await.unwrap();
                    tokio::spawn(connection(stream, Arc::clone(&line), cut.clone()));
                }
            };
            tokio::select! {
                () = accept => {}
                () = async { while closed.changed().await.is_ok() {} } => {}
            }
        });
        relay
    }

    /// Returns `kubeconfig` with the address of the relay.
    pub fn kubeconfig(&self, kubeconfig: &Path) -> PathBuf {
        let mut config = Kubeconfig::read_from(kubeconfig).unwrap();
        config.clusters[0].cluster.as_mut().unwrap().server =
            Some(format!("http://{}", self.address));
        let path = self.folder.path().join("kubeconfig");
        std::fs::write(&path, serde_json::to_string(&config).unwrap()).unwrap();
        path
    }

    /// Closes every connection.
    pub fn cut(&self) {
        self.rounds.send_replace(());
    }
}

async fn connection(stream: TcpStream, line: Arc<Line>, mut cut: watch::Receiver<()>) {
    cut.mark_unchanged();
    let service = service_fn(|request| {
        let line = Arc::clone(&line);
        // In a task of its own: a sent request arrives even if the connection is closed.
        async move { tokio::spawn(async move { line.pass(request).await }).await.unwrap() }
    });
    tokio::select! {
        _ = http1::Builder::new().serve_connection(TokioIo::new(stream), service) => {}
        _ = cut.changed() => {}
    }
}

impl Line {
    /// Closes the connection without an answer on an error.
    async fn pass(&self, request: Request<Incoming>) -> Result<Response<Body>, std::io::Error> {
        let (mut parts, body) = request.into_parts();
        let body =
            to_bytes(axum::body::Body::new(body), 1 << 20).await.map_err(std::io::Error::other)?;
        let (method, path) = (parts.method.clone(), parts.uri.path().to_owned());
        let Query(query) = Query::<BTreeMap<String, String>>::try_from_uri(&parts.uri)
            .map_err(std::io::Error::other)?;
        let content: Value = serde_json::from_slice(&body).unwrap_or_default();
        let named = content["metadata"]["name"].as_str().unwrap_or_default();
        let (what, name) = match path
            .split_once("/namespaces/")
            .map(|(_, rest)| rest.split('/').collect::<Vec<_>>())
            .as_deref()
        {
            Some([_, plural]) => ((*plural).to_owned(), named),
            Some([_, plural, name]) => ((*plural).to_owned(), *name),
            Some([_, plural, name, sub]) => (format!("{plural}/{sub}"), *name),
            _ => (path.clone(), ""),
        };
        let judge = |answer| {
            (self.judge.lock().unwrap())(&Call {
                method: &method,
                what: &what,
                name,
                query: &query,
                body: &content,
                answer,
            })
        };
        match judge(None) {
            Fate::Pass => {}
            Fate::Refuse(code) => return Ok(refusal(code)),
            Fate::Cut => return Err(ErrorKind::ConnectionReset.into()),
        }
        parts.headers.remove(header::HOST);
        let answer = self
            .upstream
            .send(Request::from_parts(parts, Body::from(body)))
            .await
            .map_err(std::io::Error::other)?;
        match judge(Some(answer.status())) {
            Fate::Pass => Ok(answer),
            Fate::Refuse(_) | Fate::Cut => Err(ErrorKind::ConnectionReset.into()),
        }
    }
}

fn refusal(code: StatusCode) -> Response<Body> {
    let status = json!({"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure", "message": "not now", "code": code.as_u16()});
    let answer = Response::builder()
        .status(code)
        .header(header::RETRY_AFTER, "1")
        .header(header::CONTENT_TYPE, "application/json");
    answer.body(Body::from(status.to_string().into_bytes())).unwrap()
}

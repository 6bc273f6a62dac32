//! A Stellar network of one, with the real Soroban host, behind the JSON-RPC of the public service. On loopback only.
//!
//!     paydate-soroban-host --dir DIR [--port PORT] [--clock FILE]

mod clock;
mod codec;
mod config;
mod envelope;
mod events;
mod host;
mod network;
mod rpc;
mod store;
mod timeline;

use clock::Clock;
use host::Executor;
use network::Network;
use std::fs::{create_dir_all, File};
use std::path::PathBuf;
use std::process::ExitCode;
use std::rc::Rc;
use store::Store;
use timeline::Timeline;
use tiny_http::{Header, Method, Response, Server};

struct Arguments {
    dir: PathBuf,
    port: u16,
    clock: PathBuf,
}

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(words) => {
            eprintln!("{words}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> Result<(), String> {
    let arguments = arguments(std::env::args().skip(1))?;
    create_dir_all(&arguments.dir).map_err(|error| format!("{}: {error}", arguments.dir.display()))?;
    let _lock = lock(&arguments.dir)?;
    let store = Store::open(&arguments.dir.join("ledger.sqlite3")).map_err(|error| error.to_string())?;
    let anchors = store.anchors().map_err(|error| error.to_string())?;
    let timeline = Timeline::new(Clock::new(arguments.clock), anchors);
    let store = Rc::new(store);
    let executor = Executor::new(store.clone()).map_err(|error| format!("{error:?}"))?;
    let network = Network::new(store, timeline, executor).map_err(|error| error.to_string())?;
    serve(network, arguments.port)
}

/// One request after another: a call takes milliseconds, and nothing has to be locked.
fn serve(mut network: Network, port: u16) -> Result<(), String> {
    let server = Server::http(("127.0.0.1", port)).map_err(|error| format!("port {port}: {error}"))?;
    println!("ready http://{}", server.server_addr());
    let kind = Header::from_bytes("Content-Type", "application/json").expect("a header of plain text");
    for mut request in server.incoming_requests() {
        let mut body = String::new();
        let is_read = request.as_reader().read_to_string(&mut body).is_ok();
        let response = match request.method() {
            Method::Post if is_read => Response::from_string(rpc::answer(&mut network, &body)),
            _ => Response::from_string("only POST").with_status_code(405),
        };
        // Who has gone away meanwhile needs no answer.
        let _ = request.respond(response.with_header(kind.clone()));
    }
    Ok(())
}

fn arguments(mut given: impl Iterator<Item = String>) -> Result<Arguments, String> {
    let mut found = Arguments { dir: PathBuf::new(), port: 0, clock: PathBuf::from("/nonexistent") };
    while let Some(name) = given.next() {
        let value = given.next().ok_or_else(|| format!("{name} needs a value"))?;
        match name.as_str() {
            "--dir" => found.dir = value.into(),
            "--port" => found.port = value.parse().map_err(|_| format!("not a port: {value}"))?,
            "--clock" => found.clock = value.into(),
            _ => return Err(format!("unknown argument {name}; there are --dir, --port and --clock")),
        }
    }
    if found.dir.as_os_str().is_empty() {
        return Err("--dir is missing: the folder of the network's state".into());
    }
    Ok(found)
}

/// Held until the process ends, however it ends; two processes on one state would tear it.
fn lock(dir: &std::path::Path) -> Result<File, String> {
    let file = File::create(dir.join("lock")).map_err(|error| format!("{}: {error}", dir.display()))?;
    file.try_lock().map_err(|_| format!("another process serves {}", dir.display()))?;
    Ok(file)
}

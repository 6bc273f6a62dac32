//! A Stellar network of one, with the real Soroban host, behind the JSON-RPC of the public service. On loopback only.
//!
//!     paydate-soroban-host --dir DIR [--port PORT] [--clock FILE] [--tether]

mod clock;
mod codec;
mod config;
mod envelope;
mod events;
mod host;
mod lifetimes;
mod network;
mod owner;
mod rpc;
mod store;
mod timeline;

use clock::Clock;
use host::Executor;
use network::Network;
use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::iterator::Signals;
use std::fs::{create_dir_all, File};
use std::io::{self, Write};
use std::path::PathBuf;
use std::process::ExitCode;
use std::rc::Rc;
use std::sync::Arc;
use std::thread;
use store::Store;
use timeline::Timeline;
use tiny_http::{Method, Request, Server};

struct Arguments {
    dir: PathBuf,
    port: u16,
    clock: PathBuf,
    /// Whether it ends with its standard input, and so with whoever started it.
    is_tethered: bool,
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
    let server = Server::http(("127.0.0.1", arguments.port)).map_err(|error| format!("port {}: {error}", arguments.port))?;
    let server = Arc::new(server);
    end_when_told(&server, arguments.is_tethered)?;
    serve(network, &server);
    Ok(())
}

/// One request after another: a call takes milliseconds, and nothing has to be locked.
fn serve(mut network: Network, server: &Server) {
    println!("ready http://{}", server.server_addr());
    for mut request in server.incoming_requests() {
        let mut body = String::new();
        let is_read = request.as_reader().read_to_string(&mut body).is_ok();
        let (status, answer) = match request.method() {
            Method::Post if is_read => ("200 OK", rpc::answer(&mut network, &body)),
            _ => ("405 Method Not Allowed", "only POST".into()),
        };
        // Who has gone away meanwhile needs no answer.
        let _ = respond(request, status, &answer);
    }
}

/// In one piece: the second of two would wait until the client has confirmed the first, which it is slow to do.
fn respond(request: Request, status: &str, answer: &str) -> io::Result<()> {
    let length = answer.len();
    let head = format!("HTTP/1.1 {status}\r\nContent-Type: application/json\r\nContent-Length: {length}\r\n\r\n");
    let mut client = request.into_writer();
    client.write_all(&[head.as_bytes(), answer.as_bytes()].concat())?;
    client.flush()
}

/// Lets the server answer what it has begun, and then no more.
fn end_when_told(server: &Arc<Server>, is_tethered: bool) -> Result<(), String> {
    let mut signals = Signals::new([SIGINT, SIGTERM]).map_err(|error| error.to_string())?;
    let told = server.clone();
    thread::spawn(move || signals.forever().for_each(|_| told.unblock()));
    if is_tethered {
        let alone = server.clone();
        thread::spawn(move || {
            // Whether it was closed or broke, nobody is there any more.
            let _ = io::copy(&mut io::stdin(), &mut io::sink());
            alone.unblock();
        });
    }
    Ok(())
}

fn arguments(mut given: impl Iterator<Item = String>) -> Result<Arguments, String> {
    let mut found = Arguments { dir: PathBuf::new(), port: 0, clock: PathBuf::from("/nonexistent"), is_tethered: false };
    while let Some(name) = given.next() {
        if name == "--tether" {
            found.is_tethered = true;
            continue;
        }
        let value = given.next().ok_or_else(|| format!("{name} needs a value"))?;
        match name.as_str() {
            "--dir" => found.dir = value.into(),
            "--port" => found.port = value.parse().map_err(|_| format!("not a port: {value}"))?,
            "--clock" => found.clock = value.into(),
            _ => return Err(format!("unknown argument {name}; there are --dir, --port, --clock and --tether")),
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

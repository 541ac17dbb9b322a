//! What code may not name: the outside world below `node`; channels without a bound and globals anywhere.

use crate::source::{code_only, paths};
use crate::tidy::{File, Finding, Tree};

/// Paths that reach for the clock, OS randomness, sockets, files, threads, the environment or the terminal.
const OUTSIDE_WORLD: &[(&[&str], &str)] = &[
    (&["Instant", "now"], "time is a parameter"),
    (&["SystemTime"], "time is a parameter"),
    (&["OsRng"], "randomness is a parameter"),
    (&["SysRng"], "randomness is a parameter"),
    (&["ThreadRng"], "randomness is a parameter"),
    (&["thread_rng"], "randomness is a parameter"),
    (&["getrandom"], "randomness is a parameter"),
    (&["rand", "rng"], "randomness is a parameter"),
    (&["rand", "random"], "randomness is a parameter"),
    (&["aws_lc_rs", "rand"], "randomness is a parameter"),
    (&["SystemRandom"], "randomness is a parameter"),
    (&["RandomizedNonceKey"], "randomness is a parameter, and nonces are counted"),
    (&["std", "net"], "sockets belong to node"),
    (&["std", "os"], "the system belongs to node"),
    (&["std", "fs"], "files belong to the program"),
    (&["std", "env"], "the environment belongs to the program"),
    (&["std", "process"], "processes belong to the program"),
    (&["std", "thread"], "threads belong to node"),
    (&["std", "io", "stdin"], "the terminal belongs to the program"),
    (&["std", "io", "stdout"], "the terminal belongs to the program"),
    (&["std", "io", "stderr"], "the terminal belongs to the program"),
    (&["println"], "the terminal belongs to the program"),
    (&["eprintln"], "the terminal belongs to the program"),
    (&["print"], "the terminal belongs to the program"),
    (&["eprint"], "the terminal belongs to the program"),
    (&["tokio"], "the executor belongs to node"),
];

/// What single files may do all the same.
const EXCEPTIONS: &[Exception] = &[
    // serde gives a value no way to reach beyond its serializer: the table of the message that is being written or read
    // stands in the thread for that long.
    Exception { path: "crates/actor-proxy/src/scope.rs", what: What::ThreadLocal },
    // An inbox that is dropped by a panic of its actor says so; nobody else can tell.
    Exception { path: "crates/actor-proxy/src/inbox.rs", what: What::Path(&["std", "thread", "panicking"]) },
];

struct Exception {
    path: &'static str,
    what: What,
}

#[derive(PartialEq)]
enum What {
    ThreadLocal,
    Path(&'static [&'static str]),
}

/// Constructors and types of channels and queues without a bound.
const UNBOUNDED: &[&[&str]] = &[
    &["unbounded"],
    &["unbounded_channel"],
    &["UnboundedSender"],
    &["UnboundedReceiver"],
    &["std", "sync", "mpsc", "channel"],
];

/// Types that turn a `static` into shared state.
const SHARED_STATE: &[&str] =
    &["Mutex", "RwLock", "OnceLock", "LazyLock", "OnceCell", "LazyCell", "Cell", "RefCell"];

/// The crates below `node` take time, bytes and randomness as parameters.
pub(super) fn sans_io(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (_, file) in tree.sans_io() {
        for path in file.paths() {
            let is_excepted =
                exceptions(file).any(|what| matches!(what, What::Path(name) if path.contains(name)));
            if is_excepted {
                continue;
            }
            if let Some((name, why)) = OUTSIDE_WORLD.iter().find(|(name, _)| path.contains(name)) {
                findings.push(file.finding(path.line, format!("`{}` below node: {why}", name.join("::"))));
            }
        }
        // `Instant::elapsed` and `SystemTime::elapsed` read the clock where nobody sees it.
        for (index, line) in file.code().lines().enumerate() {
            if line.contains(".elapsed()") {
                findings.push(file.finding(index + 1, "`.elapsed()` below node: time is a parameter"));
            }
        }
    }
    findings
}

/// No channel without a bound, in tests neither: a test that needs one hides a queue that grows.
pub(super) fn bounded_channels(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for file in tree.rust() {
        let code = code_only(&file.text);
        for path in paths(&code) {
            if let Some(name) = UNBOUNDED.iter().find(|name| path.contains(name)) {
                findings.push(file.finding(path.line, format!("`{}` has no bound", name.join("::"))));
            }
        }
        for (index, line) in code.lines().enumerate() {
            if line.contains("mpsc::channel()") {
                findings.push(file.finding(index + 1, "`mpsc::channel()` has no bound"));
            }
        }
    }
    findings
}

/// No state outside of values: many nodes live in one process.
pub(super) fn no_globals(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for file in tree.rust().filter(|file| !file.is_test() && file.crate_and_path().is_some()) {
        for (index, line) in file.code().lines().enumerate() {
            let words: Vec<_> = line.split(|c: char| !c.is_alphanumeric() && c != '_').collect();
            let is_shared = |word: &&str| SHARED_STATE.contains(word) || word.starts_with("Atomic");
            let is_item = line.trim_start().starts_with("static ") || line.contains("pub static ");
            let is_item = is_item || line.contains(") static ");
            let is_local =
                line.contains("thread_local!") && !exceptions(file).any(|what| *what == What::ThreadLocal);
            if is_item && words.iter().any(is_shared) || is_local {
                findings.push(file.finding(index + 1, "a global: state lives in values"));
            }
        }
    }
    findings
}

fn exceptions(file: &File) -> impl Iterator<Item = &'static What> {
    let of_file = EXCEPTIONS.iter().filter(|exception| exception.path == file.path);
    of_file.map(|exception| &exception.what)
}

//! Each rule on a small sample that keeps it and on samples that break it.

use super::*;
use crate::workspace::{Dependency, DependencyKind};

const CODEC: &str = "crates/selfsync-codec/src/decode.rs";

fn tree(files: &[(&str, &str)]) -> Tree {
    let files = files.iter().map(|&(path, text)| File { path: path.to_owned(), text: text.to_owned() });
    Tree { files: files.collect(), seeds: Vec::new(), packages: Vec::new() }
}

fn package(name: &str, dependencies: &[(&str, DependencyKind, bool)]) -> Package {
    let dependency =
        |&(name, kind, optional): &(&str, _, _)| Dependency { name: name.to_owned(), kind, optional };
    Package {
        name: name.to_owned(),
        folder: Default::default(),
        features: Vec::new(),
        dependencies: dependencies.iter().map(dependency).collect(),
        has_library: true,
        examples: Vec::new(),
    }
}

fn packages(packages: impl IntoIterator<Item = Package>) -> Tree {
    Tree { files: Vec::new(), seeds: Vec::new(), packages: packages.into_iter().collect() }
}

/// The rule finds nothing in `good`, and something in each of `bad`.
fn holds_and_breaks(rule: Rule, path: &str, good: &str, bad: &[&str]) {
    let findings = rule(&tree(&[(path, good)]));
    assert!(findings.is_empty(), "{findings:?}");
    for sample in bad {
        assert!(!rule(&tree(&[(path, sample)])).is_empty(), "not found: {sample}");
    }
}

#[test]
fn crates_depend_downward_only() {
    use DependencyKind::{Development, Normal};
    let good = packages([
        package("link", &[("chunk-proto", Normal, false), ("bytes", Normal, false)]),
        package("xtask", &[("clap", Normal, false)]),
    ]);
    assert!(layers::own_crates(&good).is_empty());
    for bad in [
        package("chunk-proto", &[("link", Normal, false)]),
        package("chunk-proto", &[("link", Development, false)]),
        package("node", &[("xtask", Normal, false)]),
        package("a-new-crate", &[]),
    ] {
        assert_eq!(layers::own_crates(&packages([bad])).len(), 1);
    }
}

#[test]
fn sans_io_crates_avoid_the_outside_world() {
    use DependencyKind::{Build, Development, Normal};
    let good = packages([
        package("link", &[("bytes", Normal, false), ("rand", Development, false)]),
        package("node", &[("tokio", Normal, false)]),
        package("selfsync-codec", &[("tokio-util", Normal, true)]),
    ]);
    assert!(layers::outside_world(&good).is_empty());
    for bad in [
        package("link", &[("tokio", Normal, false)]),
        package("link", &[("libc", Build, false)]),
        package("link", &[("tokio-util", Normal, true)]),
        package("selfsync-codec", &[("tokio-util", Normal, false)]),
    ] {
        assert_eq!(layers::outside_world(&packages([bad])).len(), 1);
    }
}

#[test]
fn the_resolved_graph_is_searched() {
    let clean = "link v0.1.0 (/a)\t\nlibc v0.2.1\tdefault\nrand v0.10.0\tstd\nbytes v1.0.0\tstd";
    assert!(layers::outside_world_below("link", clean).is_empty());
    for bad in ["getrandom v0.4.0\t", "mio v1.0.0\tnet", "rand v0.10.0\tstd,sys_rng", "tokio v1.0.0\tio-util"]
    {
        assert_eq!(layers::outside_world_below("link", &format!("{clean}\n{bad}")).len(), 1, "{bad}");
    }
    assert!(layers::outside_world_below("selfsync-codec", "tokio v1.0.0\t").is_empty());
}

#[test]
fn the_picture_shows_the_crates_in_order() {
    let with = |rows: &str| {
        let mut sample = tree(&[("ARCHITECTURE.md", &format!("```text\n{rows}\n```\n"))]);
        sample.packages = vec![package("link", &[]), package("node", &[])];
        layers::picture(&sample).len()
    };
    assert_eq!(with("sockets   node\n─── below\nstreams   link"), 0);
    assert_eq!(with("node   sockets\nlink   streams"), 0);
    assert_eq!(with("streams   link\nsockets   node"), 1);
    assert_eq!(with("sockets   node"), 1);
}

#[test]
fn only_the_simulation_switches_simulation_on() {
    let defines = "[features]\n# For simulation.\nsimulation = [\"link/simulation\"]\n";
    let uses = "[dependencies]\nnode = { workspace = true, features = [\"simulation\"] }\n";
    let by_default = "[features]\ndefault = [\"simulation\"]\n";
    holds_and_breaks(layers::simulation, "crates/node/Cargo.toml", defines, &[uses, by_default]);
    holds_and_breaks(layers::simulation, "sim/Cargo.toml", uses, &[]);
}

#[test]
fn manifests_inherit_lints_and_versions() {
    let lints = "[lints]\nworkspace = true\n";
    let good = format!("[package]\nname = \"x\"\n[dependencies]\nbytes.workspace = true\n{lints}");
    let versioned = format!("[dev-dependencies]\nbytes = \"1\"\n{lints}");
    let inline = format!("[dependencies]\nbytes = {{ version = \"1\", optional = true }}\n{lints}");
    let unlinted = "[package]\nname = \"x\"\n";
    holds_and_breaks(layers::manifests, "crates/x/Cargo.toml", &good, &[&versioned, &inline, unlinted]);
}

#[test]
fn examples_have_names_of_their_own() {
    let with =
        |name: &str, example: &str| Package { examples: vec![example.to_owned()], ..package(name, &[]) };
    assert!(layers::example_names(&packages([with("link", "pair"), with("node", "two_nodes")])).is_empty());
    assert_eq!(layers::example_names(&packages([with("link", "pair"), with("node", "pair")])).len(), 1);
}

#[test]
fn code_below_node_takes_time_and_randomness() {
    let good = "//! Reads no Instant::now().\nuse std::time::Instant;\nfn f(now: Instant) { g(\"SysRng\"); }\n\
                #[cfg(test)]\nmod tests { fn t() { let _ = std::time::Instant::now(); } }\n";
    let bad = [
        "fn f() { let now = Instant::now(); }",
        "fn f() { std::time::SystemTime::now(); }",
        "use std::{cmp, net::{self, TcpStream}};",
        "use std::fs;",
        "fn f() { std::thread::sleep(d); }",
        "fn f() { std::env::var(\"HOME\"); }",
        "use rand_core::OsRng;",
        "use rand::rngs::{SysRng};",
        "fn f() { rand::rng(); }",
        "fn f() { getrandom::fill(&mut x); }",
        "use aws_lc_rs::{aead, rand};",
        "fn f(since: Instant) { since.elapsed(); }",
        "fn f() { println!(\"x\"); }",
        "use tokio::sync::Mutex;",
    ];
    holds_and_breaks(purity::sans_io, CODEC, good, &bad);
    for path in ["crates/node/src/driver.rs", "crates/link/tests/it.rs", "crates/link/examples/a.rs"] {
        assert!(purity::sans_io(&tree(&[(path, bad[0])])).is_empty(), "{path}");
    }
}

#[test]
fn two_files_ask_their_thread_for_one_thing_each() {
    let (scope, inbox) = ("crates/actor-proxy/src/scope.rs", "crates/actor-proxy/src/inbox.rs");
    let local = "thread_local! {\n    static DESK: RefCell<Desk> = f();\n}";
    let panicking = "fn f() { std::thread::panicking(); }";
    let others =
        ["static COUNT: AtomicU64 = f();", "thread_local! {\n    static OTHER: RefCell<Desk> = f();\n}"];
    holds_and_breaks(purity::no_globals, scope, local, &others);
    holds_and_breaks(purity::no_globals, inbox, "", &[local]);
    holds_and_breaks(purity::sans_io, inbox, panicking, &["fn f() { std::thread::spawn(f); }"]);
    holds_and_breaks(purity::sans_io, scope, local, &[panicking]);
}

#[test]
fn channels_are_bounded() {
    let bad = [
        "fn f() { let (a, b) = mpsc::unbounded_channel(); }",
        "use tokio::sync::mpsc::{UnboundedSender, Sender};",
        "fn f() { flume::unbounded::<u8>(); }",
        "use std::sync::mpsc::{self, channel};",
        "fn f() { let (a, b) = mpsc::channel(); }",
    ];
    let good = "fn f() { let (a, b) = mpsc::channel(8); let (c, d) = oneshot::channel(); }";
    holds_and_breaks(purity::bounded_channels, "crates/node/tests/it.rs", good, &bad);
}

#[test]
fn there_are_no_globals() {
    let good = "static NAMES: [&str; 2] = [];\nconst X: u8 = 1;\nstruct S { a: AtomicU64, m: Mutex<u8> }";
    let bad = [
        "static COUNT: AtomicU64 = AtomicU64::new(0);",
        "pub static NODES: LazyLock<Mutex<u8>> = LazyLock::new(f);",
        "pub(crate) static NODES: Mutex<u8> = x;",
        "thread_local! { static X: u8 = 1; }",
    ];
    holds_and_breaks(purity::no_globals, "crates/node/src/driver.rs", good, &bad);
}

#[test]
fn files_say_what_they_hold() {
    holds_and_breaks(
        text::module_docs,
        "xtask/src/x.rs",
        "//! What it holds.\n",
        &["", "fn f() {}", "// No.\n"],
    );
}

#[test]
fn nothing_is_left_over() {
    let marked = format!("// {}{}: later", "FIX", "ME");
    let other = format!("//! x\n// {}{}(someone) later", "TO", "DO");
    let good = "//! No `todo!` in sight.\nfn f() { g(\"unimplemented!\"); }";
    let bad = [
        "fn f() { todo!() }",
        "fn f() { unimplemented!() }",
        "#[ignore = \"slow\"]\nfn t() {}",
        &marked,
        &other,
    ];
    holds_and_breaks(text::leftovers, CODEC, good, &bad);
    assert_eq!(text::leftovers(&tree(&[("README.md", &marked)])).len(), 1);
}

#[test]
fn files_are_short() {
    let lines = |count: usize| "let a = 1;\n".repeat(count);
    let tests = format!("#[cfg(test)]\nmod tests {{\n{}}}\n", lines(400));
    holds_and_breaks(text::sizes, CODEC, &format!("{}{tests}", lines(500)), &[&lines(501)]);
    assert!(text::sizes(&tree(&[("crates/link/tests/it.rs", &lines(900))])).is_empty());
}

#[test]
fn no_machine_is_named() {
    let bad = [
        concat!("cd /wo", "rk/main"),
        concat!("/ho", "me/somebody/x"),
        concat!("https://crates", ".io/crates/x"),
        concat!("index = \"https://index.crates", ".io\""),
    ];
    holds_and_breaks(text::places, "docs/x.md", "Cargo fetches it; ~/.local/share/conclave", &bad);
}

#[test]
fn crates_have_compiled_readmes() {
    let front = "//! A crate.\n#[cfg(doctest)]\n#[doc = include_str!(\"../README.md\")]\nstruct Readme;\n";
    let readme = "line\n".repeat(12);
    let findings = |front: &str, readme: Option<&str>| {
        let mut files = vec![("crates/link/src/lib.rs", front)];
        files.extend(readme.map(|text| ("crates/link/README.md", text)));
        documents::readmes(&tree(&files)).len()
    };
    assert_eq!(findings(front, Some(&readme)), 0);
    assert_eq!(findings("//! A crate.\n", Some(&readme)), 1);
    assert_eq!(findings(front, Some("# link\n")), 1);
    assert_eq!(findings(front, None), 1);
}

#[test]
fn libraries_have_an_example() {
    let with = |name: &str, examples: &[&str]| {
        let examples = examples.iter().map(|&name| name.to_owned()).collect();
        documents::examples(&packages([Package { examples, ..package(name, &[]) }])).len()
    };
    assert_eq!(with("link", &["pair", "link_vectors"]), 0);
    assert_eq!(with("conclave", &[]), 0);
    assert_eq!(with("link", &[]), 1);
    assert_eq!(with("link", &["link_vectors"]), 1);
}

#[test]
fn front_pages_hold_no_logic() {
    let good = "//! A crate.\nmod a;\npub use a::{B, C};\n";
    let bad = ["pub fn f() {}", "impl B { }", "pub const fn g() {}"];
    holds_and_breaks(documents::front_pages, "crates/link/src/lib.rs", good, &bad);
}

#[test]
fn documented_commands_exist() {
    let good = "Run `cargo xtask fuzz TARGET --minutes N`, `cargo xtask …`, `cargo xtask ci --only fmt`.\n\
                ```sh\n$ cargo test -p link   # quick\ncargo run --release -- demo\ncargo add some-crate\n```\n\
                ```text\ncargo xtask nonsense\n```\n";
    let bad = [
        "`cargo xtask nonsense`",
        "`cargo xtask fuzz --hours 3 x`",
        "```sh\ncargo test -p missing\n```",
        "```console\n$ RUST_LOG=debug cargo run -p link --example missing\n```",
        "```sh\ncargo bench --bench missing\n```",
        "```sh\ncargo test \\\n  -p missing\n```",
    ];
    let with = |text: &str| {
        let mut sample = tree(&[("README.md", text), ("crates/link/examples/pair.rs", "")]);
        sample.packages = vec![package("link", &[])];
        commands::exist(&sample)
    };
    assert!(with(good).is_empty(), "{:?}", with(good));
    assert!(with("`cargo run -p link --example pair`").is_empty());
    for sample in bad {
        assert_eq!(with(sample).len(), 1, "{sample}");
    }
}

#[test]
fn links_lead_somewhere() {
    let with = |text: &str| {
        documents::links(&tree(&[("crates/link/README.md", text), ("docs/PROTOCOL.md", "")])).len()
    };
    let good = "[bytes](../../docs/PROTOCOL.md#6-sealed), [folder](../../docs), [web](https://a.b/c), [below](#x)\n\
                [an item](Decoder::next_frame)";
    assert_eq!(with(good), 0);
    assert_eq!(with("[bytes](docs/PROTOCOL.md)"), 1);
    assert_eq!(with("[bytes](../../../docs/PROTOCOL.md) and [more](GONE.md)"), 2);
}

#[test]
fn fuzz_targets_are_complete() {
    let sample = |manifest: &str, target: &str, seeds: &[&str]| {
        let mut sample =
            tree(&[("fuzz/Cargo.toml", manifest), ("fuzz/fuzz_targets/codec_decode.rs", target)]);
        sample.seeds = seeds.iter().map(|&seed| seed.to_owned()).collect();
        sample.packages = vec![package("selfsync-codec", &[])];
        fuzzing::targets(&sample).len()
    };
    let manifest = "[[bin]]\nname = \"codec_decode\"\n";
    let target = "//! Decodes.\nuse selfsync_codec::Decoder;\n";
    let seed = "fuzz/corpus/codec_decode/empty";
    assert_eq!(sample(manifest, target, &[seed]), 0);
    assert_eq!(sample("", target, &[seed]), 1);
    assert_eq!(sample(manifest, target, &[]), 1);
    assert_eq!(sample(manifest, target, &[seed, "fuzz/corpus/gone/x"]), 1);
    assert_eq!(sample(manifest, "//! Uses chunk_proto.\nuse chunk_proto::X;\n", &[seed]), 1);
}

//! The program `conclave`: see `program` for what it does and `conclave --help` for how to use it.

#[cfg(not(unix))]
compile_error!(
    "the program needs Unix sockets and file modes; the library builds with `default-features = false`"
);

mod program;

fn main() -> std::process::ExitCode {
    program::run()
}

//! Tests of the code view.

use super::*;

#[test]
fn comments_and_literals_are_blanked() {
    for (source, kept, gone) in [
        ("let a = 1; // Instant::now()", "let a = 1;", "Instant"),
        ("/* outer /* inner */ secret */ let b = 2;", "let b = 2;", "secret"),
        (r#"f("quote \" secret"); g();"#, "g();", "secret"),
        (r##"f(r#"a "secret" b"#); g();"##, "g();", "secret"),
        (r##"f(br"secret"); g();"##, "g();", "secret"),
        ("let c = 'x'; let d: &'static str = e;", "&'static str", "x"),
        (r"let q = '\''; let s = secret_not;", "secret_not", "x"),
        (r#"let q = '"'; call(); let r = '"';"#, "call();", "x"),
    ] {
        let code = code_only(source);
        assert!(code.contains(kept), "{source} -> {code}");
        assert!(!code.contains(gone), "{source} -> {code}");
        assert_eq!(code.chars().count(), source.chars().count());
    }
}

#[test]
fn lines_keep_their_numbers() {
    let source = "/* a\nb */ one();\n\"x\ny\";\ntwo();";
    let lines: Vec<_> =
        paths(&code_only(source)).into_iter().map(|path| (path.line, path.segments)).collect();
    assert_eq!(lines, [(2, vec!["one".to_owned()]), (5, vec!["two".to_owned()])]);
}

#[test]
fn test_items_are_blanked() {
    let code = "use a;\n#[cfg(test)]\nmod tests { fn f() { secret(); } }\nfn kept() {}\n#[cfg(test)]\nmod more;\n\
                #[cfg(test)]\nfn key() -> [u8; 32] { secret() }\nfn also() {}";
    let left = without_tests(code);
    assert!(!left.contains("secret") && !left.contains("more"));
    assert!(left.contains("kept") && left.contains("also"));
    assert_eq!(left.lines().count(), code.lines().count());
}

#[test]
fn use_trees_are_written_out() {
    let code = "use std::{fs, io::{self, Read}, net::TcpStream as T};\nlet x = Instant::now();\nv.len();";
    let written: Vec<_> = paths(code).iter().map(|path| path.segments.join("::")).collect();
    let expected = [
        "std::fs",
        "std::io::self",
        "std::io::Read",
        "std::net::TcpStream",
        "let",
        "x",
        "Instant::now",
        "v",
        "len",
    ];
    assert_eq!(written, expected);
}

#[test]
fn segments_are_found_anywhere_in_a_path() {
    let path = &paths("core::std::net::x")[0];
    assert!(path.contains(&["std", "net"]));
    assert!(!path.contains(&["net", "std"]));
    assert!(!path.contains(&["st"]));
}

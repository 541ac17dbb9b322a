//! Names of files that a peer chose: made harmless before they touch the disk or the terminal.

/// The longest name that is kept, which leaves room for a number in the 255 bytes a file system takes.
pub(crate) const MAX_NAME_BYTES: usize = 200;

/// A longer "extension" is not one: it is cut with the rest of the name.
const MAX_EXTENSION_BYTES: usize = 20;

/// How many numbers are tried before a folder counts as full of that name.
pub(crate) const MAX_NAME_NUMBER: u32 = 9_999;

/// What a file without a usable name is called.
const NAMELESS: &str = "file";

/// A name without path, control or direction-changing characters, not hidden, not an option, and not too long.
pub(crate) fn harmless(offered: &str) -> String {
    let last = offered.rsplit(['/', '\\']).next().unwrap_or_default();
    let cleaned: String =
        last.chars().map(|letter| if is_misleading(letter) { '_' } else { letter }).collect();
    let trimmed = cleaned.trim();
    let visible = match trimmed.strip_prefix(['.', '-']) {
        Some(rest) => format!("_{rest}"),
        None => trimmed.to_owned(),
    };
    let cut = shorten(&visible);
    if cut.chars().all(|letter| letter == '_' || letter == '.') { NAMELESS.to_owned() } else { cut }
}

/// The names to try for a file, the plainest first: `report.pdf`, `report (1).pdf`, …
pub(crate) fn candidates(name: &str) -> impl Iterator<Item = String> {
    let (stem, extension) = split(name);
    let (stem, extension) = (stem.to_owned(), extension.to_owned());
    (0..=MAX_NAME_NUMBER).map(move |number| match number {
        0 => format!("{stem}{extension}"),
        _ => format!("{stem} ({number}){extension}"),
    })
}

/// Text from a peer as a terminal may show it.
pub(crate) fn printable(text: &str) -> String {
    text.chars().map(|letter| if is_misleading(letter) { '\u{fffd}' } else { letter }).collect()
}

/// Characters that move a cursor, hide, or change the direction of what follows.
pub(crate) fn is_misleading(letter: char) -> bool {
    letter.is_control()
        || matches!(letter,
            '\u{00ad}' | '\u{061c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff0}'..='\u{fffb}' | '\u{e0000}'..='\u{e0fff}')
}

/// Cuts the stem, not the extension, between two characters.
fn shorten(name: &str) -> String {
    if name.len() <= MAX_NAME_BYTES {
        return name.to_owned();
    }
    let (stem, extension) = split(name);
    let room = MAX_NAME_BYTES - extension.len();
    let end = (0..=room).rev().find(|&end| stem.is_char_boundary(end)).unwrap_or(0);
    format!("{}{extension}", stem.get(..end).unwrap_or_default().trim_end())
}

/// A name as stem and extension with its dot, where it has one.
fn split(name: &str) -> (&str, &str) {
    match name.rfind('.') {
        Some(dot) if dot > 0 && name.len() - dot <= MAX_EXTENSION_BYTES => name.split_at(dot),
        _ => (name, ""),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn names_keep_what_is_harmless() {
        for (offered, kept) in [
            ("report.pdf", "report.pdf"),
            ("übersicht 2.tar.gz", "übersicht 2.tar.gz"),
            ("../../etc/passwd", "passwd"),
            ("C:\\Users\\x\\a.txt", "a.txt"),
            ("/", "file"),
            ("", "file"),
            ("..", "file"),
            (".", "file"),
            ("...", "file"),
            (".bashrc", "_bashrc"),
            ("-rf", "_rf"),
            ("a\u{1b}[2Jb", "a_[2Jb"),
            ("line\nbreak", "line_break"),
            ("invoice\u{202e}fdp.exe", "invoice_fdp.exe"),
            ("  padded  ", "padded"),
            ("\0", "file"),
        ] {
            assert_eq!(harmless(offered), kept, "{offered:?}");
        }
    }

    #[test]
    fn a_long_name_keeps_its_extension() {
        let cut = harmless(&format!("{}.pdf", "ü".repeat(300)));
        assert!(cut.len() <= MAX_NAME_BYTES && cut.ends_with("ü.pdf"), "{cut}");
        assert_eq!(harmless(&"x".repeat(1_000)).len(), MAX_NAME_BYTES);
    }

    #[test]
    fn numbers_go_before_the_extension() {
        let names: Vec<String> = candidates("a.tar").take(3).collect();
        assert_eq!(names, ["a.tar", "a (1).tar", "a (2).tar"]);
        assert_eq!(candidates("none").nth(1).unwrap(), "none (1)");
        assert_eq!(candidates("_bashrc").nth(1).unwrap(), "_bashrc (1)");
    }

    proptest! {
        #[test]
        fn whatever_is_offered_stays_one_short_visible_name(offered in any::<String>()) {
            let name = harmless(&offered);
            prop_assert!(!name.is_empty() && name.len() <= MAX_NAME_BYTES);
            prop_assert!(!name.starts_with(['.', '-']));
            prop_assert!(!name.contains(['/', '\\', '\0']) && !name.chars().any(char::is_control));
            prop_assert_eq!(std::path::Path::new(&name).components().count(), 1);
            prop_assert_eq!(harmless(&name), name.clone());
            prop_assert!(candidates(&name).last().unwrap().len() <= 255);
        }
    }
}

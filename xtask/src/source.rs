//! A view of Rust source in which only code is left: enough to look for names without being misled by comments,
//! strings or tests. Line numbers stay what they were.

/// Source with comments and the contents of string and character literals replaced by spaces.
pub(crate) fn code_only(text: &str) -> String {
    let mut code = String::with_capacity(text.len());
    let mut rest = text;
    while !rest.is_empty() {
        let (kept, blanked) = next_piece(rest);
        code.push_str(&rest[..kept]);
        blank(&rest[kept..kept + blanked], &mut code);
        rest = &rest[kept + blanked..];
    }
    code
}

/// Code (see [`code_only`]) with every item under `#[cfg(test)]` blanked too.
pub(crate) fn without_tests(code: &str) -> String {
    const MARK: &str = "#[cfg(test)]";
    let mut kept = String::with_capacity(code.len());
    let mut rest = code;
    while let Some(start) = rest.find(MARK) {
        kept.push_str(&rest[..start]);
        let end = start + item_length(&rest[start..]);
        blank(&rest[start..end], &mut kept);
        rest = &rest[end..];
    }
    kept + rest
}

/// A path in code, such as `std::net::TcpStream`, with the line it stands on. `use` trees are written out.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct CodePath {
    pub(crate) line: usize,
    pub(crate) segments: Vec<String>,
}

impl CodePath {
    /// Whether these segments follow each other somewhere in the path.
    pub(crate) fn contains(&self, wanted: &[&str]) -> bool {
        self.segments.windows(wanted.len()).any(|window| window == wanted)
    }
}

/// All paths in code, in order; a name alone is a path of one segment.
pub(crate) fn paths(code: &str) -> Vec<CodePath> {
    let tokens = tokens(code);
    let mut found = Vec::new();
    let mut rest = &tokens[..];
    while let Some((first, tail)) = rest.split_first() {
        if first.text == "use" {
            let end = tail.iter().position(|token| token.text == ";").unwrap_or(tail.len());
            expand(&tail[..end], &mut Vec::new(), &mut found);
            rest = &tail[end..];
        } else if first.is_name() {
            let (path, length) = path_at(rest);
            found.push(path);
            rest = &rest[length..];
        } else {
            rest = tail;
        }
    }
    found
}

/// How many bytes of `text` are code, and how many after them are a comment or the inside of a literal.
fn next_piece(text: &str) -> (usize, usize) {
    let mut previous = ' ';
    for (at, c) in text.char_indices() {
        let rest = &text[at..];
        if rest.starts_with("//") {
            return (at, rest.find('\n').unwrap_or(rest.len()));
        }
        if rest.starts_with("/*") {
            return (at, block_comment_length(rest));
        }
        if c == '"' {
            return (at + 1, quoted_length(&rest[1..], '"'));
        }
        let may_be_raw = c == 'r' && (previous == 'b' || !is_word(previous));
        if may_be_raw && let Some((opening, inside)) = raw_string(rest) {
            return (at + opening, inside);
        }
        if c == '\''
            && let Some(inside) = character_length(&rest[1..])
        {
            return (at + 1, inside);
        }
        previous = c;
    }
    (text.len(), 0)
}

fn block_comment_length(text: &str) -> usize {
    let mut depth = 0_usize;
    let mut at = 0;
    while at < text.len() {
        if text[at..].starts_with("/*") {
            depth += 1;
            at += 2;
        } else if text[at..].starts_with("*/") {
            depth -= 1;
            at += 2;
            if depth == 0 {
                return at;
            }
        } else {
            at += text[at..].chars().next().map_or(1, char::len_utf8);
        }
    }
    text.len()
}

/// Length of a literal's content and its closing quote.
fn quoted_length(text: &str, quote: char) -> usize {
    let mut escaped = false;
    for (at, c) in text.char_indices() {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            _ if c == quote => return at + 1,
            _ => {}
        }
    }
    text.len()
}

/// Length of a raw string's opening, and of the rest of it.
fn raw_string(text: &str) -> Option<(usize, usize)> {
    let hashes = text.strip_prefix('r')?.chars().take_while(|&c| c == '#').count();
    let opening = 1 + hashes + 1;
    if text.as_bytes().get(opening - 1) != Some(&b'"') {
        return None;
    }
    let closing = format!("\"{}", "#".repeat(hashes));
    let inside = text[opening..].find(&closing).map_or(text.len() - opening, |end| end + closing.len());
    Some((opening, inside))
}

/// Length of a character literal's content and closing quote; `None` for a lifetime.
fn character_length(after_quote: &str) -> Option<usize> {
    let first = after_quote.chars().next()?;
    let is_literal = first == '\\' || after_quote[first.len_utf8()..].starts_with('\'');
    is_literal.then(|| quoted_length(after_quote, '\''))
}

/// Length of an item with its attributes: to its closing brace, or to a semicolon outside all brackets.
fn item_length(code: &str) -> usize {
    let mut depth = 0_usize;
    for (at, c) in code.char_indices() {
        match c {
            '{' | '(' | '[' => depth += 1,
            '}' if depth <= 1 => return at + 1,
            '}' | ')' | ']' => depth = depth.saturating_sub(1),
            ';' if depth == 0 => return at + 1,
            _ => {}
        }
    }
    code.len()
}

fn blank(text: &str, into: &mut String) {
    into.extend(text.chars().map(|c| if c == '\n' { '\n' } else { ' ' }));
}

struct Token<'a> {
    line: usize,
    text: &'a str,
}

impl Token<'_> {
    fn is_name(&self) -> bool {
        self.text.starts_with(is_word)
    }
}

fn is_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

/// Names, `::` and single characters of punctuation.
fn tokens(code: &str) -> Vec<Token<'_>> {
    let mut tokens = Vec::new();
    let mut line = 1;
    let mut rest = code;
    while let Some(c) = rest.chars().next() {
        let length = match c {
            _ if is_word(c) => rest.find(|c| !is_word(c)).unwrap_or(rest.len()),
            ':' if rest.starts_with("::") => 2,
            _ => c.len_utf8(),
        };
        if c == '\n' {
            line += 1;
        }
        if !c.is_whitespace() {
            tokens.push(Token { line, text: &rest[..length] });
        }
        rest = &rest[length..];
    }
    tokens
}

/// The longest path at the start of `tokens`, which begin with a name, and how many tokens it takes.
fn path_at(tokens: &[Token<'_>]) -> (CodePath, usize) {
    let mut segments = vec![tokens[0].text.to_owned()];
    let mut length = 1;
    while let [colons, name, ..] = &tokens[length..] {
        if colons.text != "::" || !name.is_name() {
            break;
        }
        segments.push(name.text.to_owned());
        length += 2;
    }
    (CodePath { line: tokens[0].line, segments }, length)
}

/// Writes out one `use` tree under a prefix: `a::{b, c::d}` becomes `a::b` and `a::c::d`.
fn expand(tree: &[Token<'_>], prefix: &mut Vec<String>, found: &mut Vec<CodePath>) {
    let before = prefix.len();
    let mut line = tree.first().map_or(0, |token| token.line);
    let mut at = 0;
    while let Some(token) = tree.get(at) {
        match token.text {
            "{" => {
                let end = closing_brace(tree, at);
                branches(&tree[at + 1..end], prefix, found);
                prefix.truncate(before);
                return;
            }
            "as" => break,
            _ if token.is_name() => {
                line = token.line;
                prefix.push(token.text.to_owned());
            }
            _ => {}
        }
        at += 1;
    }
    if prefix.len() > before {
        found.push(CodePath { line, segments: prefix.clone() });
    }
    prefix.truncate(before);
}

/// Expands the comma-separated branches inside a pair of braces.
fn branches(tokens: &[Token<'_>], prefix: &mut Vec<String>, found: &mut Vec<CodePath>) {
    let mut start = 0;
    let mut at = 0;
    while at < tokens.len() {
        match tokens[at].text {
            "{" => at = closing_brace(tokens, at),
            "," => {
                expand(&tokens[start..at], prefix, found);
                start = at + 1;
            }
            _ => {}
        }
        at += 1;
    }
    expand(&tokens[start..], prefix, found);
}

fn closing_brace(tokens: &[Token<'_>], opening: usize) -> usize {
    let mut depth = 0_usize;
    for (at, token) in tokens.iter().enumerate().skip(opening) {
        match token.text {
            "{" => depth += 1,
            "}" if depth == 1 => return at,
            "}" => depth -= 1,
            _ => {}
        }
    }
    tokens.len()
}

#[cfg(test)]
mod tests;

//! The files of `docs/model`: whole models, and variants that change some lines of one (`docs/model/README.md`).

use std::fs;
use std::path::Path;

use anyhow::{Context as _, Result, bail, ensure};

/// Sessions of every principal at the same time, where a file says nothing else.
const SESSIONS: u8 = 2;

/// A variant of a variant is fine; a chain longer than this goes in a circle.
const MAX_CHAIN: usize = 4;

/// What an attacker can do to one property.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    /// No attack was found.
    Holds,
    /// An attack was found.
    Attack,
}

/// One question to the prover.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Query {
    pub(super) text: String,
    pub(super) expected: Outcome,
}

/// A model as the prover reads it.
#[derive(Debug)]
pub(super) struct Model {
    pub(super) name: String,
    pub(super) text: String,
    pub(super) queries: Vec<Query>,
    /// Sessions of every principal.
    pub(super) sessions: u8,
    /// Sessions where there is time.
    pub(super) sessions_at_leisure: u8,
}

/// One file, by its parts.
struct File {
    name: String,
    sessions: u8,
    sessions_at_leisure: Option<u8>,
    body: Body,
    /// From the first line of the scenarios or queries to the end.
    questions: Vec<String>,
}

enum Body {
    Whole(Vec<String>),
    Variant(Variant),
}

/// What is different from another file. Lines are compared without the space around them.
#[derive(Default)]
struct Variant {
    of: String,
    /// Every line that is the first is replaced by the second.
    replaced: Vec<(String, Vec<String>)>,
    /// This line and all behind it are replaced by these.
    cut: Option<(String, Vec<String>)>,
}

/// All models of a folder, by name.
pub(super) fn read(folder: &Path) -> Result<Vec<Model>> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).with_context(|| folder.display().to_string())? {
        let path = entry?.path();
        let extension = path.extension().and_then(|extension| extension.to_str()).unwrap_or_default();
        let is_variant = extension == "variant";
        if is_variant || extension == "vp" {
            let name = path.file_stem().context("a model without a name")?.to_string_lossy().into_owned();
            let text = fs::read_to_string(&path)?;
            files.push(File::parse(&name, &text, is_variant).with_context(|| name.clone())?);
        }
    }
    files.sort_by(|a, b| a.name.cmp(&b.name));
    models(&files)
}

fn models(files: &[File]) -> Result<Vec<Model>> {
    let twice = files.windows(2).find(|pair| pair[0].name == pair[1].name);
    ensure!(twice.is_none(), "two models of one name: {}", twice.map_or("", |pair| pair[0].name.as_str()));
    files.iter().map(|file| file.model(files).with_context(|| file.name.clone())).collect()
}

impl File {
    fn parse(name: &str, text: &str, is_variant: bool) -> Result<Self> {
        let is_question = |line: &&str| line.starts_with("queries[") || line.starts_with("scenarios[");
        let own: Vec<&str> = text.lines().take_while(|line| !is_question(line)).collect();
        let questions = text.lines().skip(own.len()).map(Into::into).collect();
        let mut file = Self {
            name: name.to_owned(),
            sessions: SESSIONS,
            sessions_at_leisure: None,
            body: Body::Whole(Vec::new()),
            questions,
        };
        file.body = match is_variant {
            false => Body::Whole(own.into_iter().map(Into::into).collect()),
            true => Body::Variant(file.differences(&own)?),
        };
        Ok(file)
    }

    fn differences(&mut self, lines: &[&str]) -> Result<Variant> {
        let mut variant = Variant::default();
        let mut is_behind_cut = false;
        for line in lines.iter().filter(|line| !line.is_empty() && !line.starts_with("//")) {
            let (word, rest) = line.split_once(' ').unwrap_or((*line, ""));
            match word {
                "of:" => rest.clone_into(&mut variant.of),
                "sessions:" => self.sessions = rest.parse()?,
                "at-leisure:" => self.sessions_at_leisure = Some(rest.parse()?),
                "cut:" => {
                    variant.cut = Some((rest.to_owned(), Vec::new()));
                    is_behind_cut = true;
                }
                "-" => {
                    variant.replaced.push((rest.trim().to_owned(), Vec::new()));
                    is_behind_cut = false;
                }
                "+" => {
                    let cut = variant.cut.as_mut().filter(|_| is_behind_cut);
                    let added = match cut {
                        Some((_, added)) => added,
                        None => &mut variant.replaced.last_mut().context("`+` without `-` or `cut:`")?.1,
                    };
                    added.push(rest.to_owned());
                }
                _ => bail!("not a line of a variant: {line}"),
            }
        }
        ensure!(!variant.of.is_empty(), "a variant of what? `of:` is missing");
        Ok(variant)
    }

    fn model(&self, files: &[Self]) -> Result<Model> {
        let mut lines = self.lines(files, MAX_CHAIN)?;
        lines.extend(self.questions.iter().cloned());
        let queries = queries(&self.questions)?;
        ensure!(!queries.is_empty(), "asks nothing");
        Ok(Model {
            name: self.name.clone(),
            text: lines.join("\n") + "\n",
            queries,
            sessions: self.sessions,
            sessions_at_leisure: self.sessions_at_leisure.unwrap_or(self.sessions),
        })
    }

    /// The model without its questions.
    fn lines(&self, files: &[Self], chain: usize) -> Result<Vec<String>> {
        let variant = match &self.body {
            Body::Whole(lines) => return Ok(lines.clone()),
            Body::Variant(variant) => variant,
        };
        ensure!(chain > 0, "a variant of itself");
        let base = files.iter().find(|file| file.name == variant.of);
        let base = base.with_context(|| format!("no model `{}`", variant.of))?;
        variant.apply(base.lines(files, chain - 1)?)
    }
}

impl Variant {
    /// A line that is to be replaced and is not there is an error: the variant would show nothing.
    fn apply(&self, mut lines: Vec<String>) -> Result<Vec<String>> {
        for (old, new) in &self.replaced {
            let is_there = lines.iter().any(|line| line.trim() == old);
            ensure!(is_there, "`{}` has no line `{old}`", self.of);
            lines = lines
                .into_iter()
                .flat_map(|line| if line.trim() == old { new.clone() } else { vec![line] })
                .collect();
        }
        if let Some((first, added)) = &self.cut {
            let position = lines.iter().position(|line| line.trim() == first);
            lines.truncate(position.with_context(|| format!("`{}` has no line `{first}`", self.of))?);
            lines.extend(added.iter().cloned());
        }
        Ok(lines)
    }
}

/// Every query has what is expected of it behind it.
fn queries(lines: &[String]) -> Result<Vec<Query>> {
    let inside = lines.iter().skip_while(|line| !line.starts_with("queries[")).skip(1);
    let asked = inside.map(|line| line.trim()).filter(|line| line.contains('?') && !line.starts_with("//"));
    asked
        .map(|line| {
            let (text, expected) = line.split_once("// expect: ").unwrap_or((line, ""));
            let expected = match expected.trim() {
                "holds" => Outcome::Holds,
                "attack" => Outcome::Attack,
                _ => bail!("neither `// expect: holds` nor `// expect: attack`: {line}"),
            };
            Ok(Query { text: text.trim().to_owned(), expected })
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const BASE: &str = "// Says.\nprincipal A[\n\tknows private k\n]\nA -> B: k\nqueries[\n\tconfidentiality? k // expect: holds\n]\n";

    fn made(variant: &str) -> Result<Model> {
        let files = [File::parse("base", BASE, false)?, File::parse("other", variant, true)?];
        let mut models = models(&files)?;
        models.pop().context("none")
    }

    #[test]
    fn a_variant_replaces_lines_cuts_and_asks_for_itself() {
        let variant = "// Why.\nof: base\nsessions: 1\nat-leisure: 3\n- knows private k\n+ \tknows public k\n+ \tleaks k\n\
                       cut: A -> B: k\n+ A -> C: k\nqueries[\n\tconfidentiality? k // expect: attack\n]\n";
        let model = made(variant).unwrap();
        let expected = "// Says.\nprincipal A[\n\tknows public k\n\tleaks k\n]\nA -> C: k\nqueries[\n\tconfidentiality? k // expect: attack\n]\n";
        assert_eq!(model.text, expected);
        assert_eq!((model.sessions, model.sessions_at_leisure), (1, 3));
        let query = Query { text: "confidentiality? k".to_owned(), expected: Outcome::Attack };
        assert_eq!(model.queries, [query]);
    }

    #[test]
    fn a_variant_that_changes_nothing_is_an_error() {
        let ask = "queries[\n\tconfidentiality? k // expect: attack\n]\n";
        for wrong in
            ["of: base\n- knows private j\n+ x\n", "of: base\ncut: x\n", "of: none\n", "of: other\n", "- k\n"]
        {
            assert!(made(&format!("{wrong}{ask}")).is_err(), "{wrong}");
        }
        assert!(made("of: base\nsurprise\nqueries[\n]\n").is_err());
    }

    #[test]
    fn a_query_without_an_expectation_is_an_error() {
        for wrong in ["", " // expect: maybe", " // holds"] {
            assert!(made(&format!("of: base\nqueries[\n\tconfidentiality? k{wrong}\n]\n")).is_err());
        }
        assert!(made("of: base\nqueries[\n]\n").is_err());
    }
}

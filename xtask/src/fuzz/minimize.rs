//! Puts the best of what runs have found into the committed corpora: libFuzzer's merge says what each input reaches, and
//! those that reach the most that nothing else does are chosen until a bound is met.

use std::collections::HashSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use anyhow::{Context as _, Result, ensure};

use super::session;
use crate::workspace::Workspace;

/// Inputs of one target in the repository.
const MAX_FILES: usize = 60;
/// Their bytes together.
const MAX_CORPUS_BYTES: u64 = 64 * 1024;
/// A longer input is chosen only by hand.
const MAX_INPUT_BYTES: u64 = 4 * 1024;

/// One input that a merge has looked at.
#[derive(Debug, PartialEq, Eq)]
struct Input {
    path: PathBuf,
    bytes: u64,
    /// What it reaches, in numbers of libFuzzer's own.
    features: Vec<u32>,
}

/// Minimizes the corpora of these targets.
pub(super) fn run(workspace: &Workspace, targets: &[String]) -> Result<()> {
    let mut total = 0;
    for name in targets {
        let corpus = session::corpus_folder(workspace, name);
        let (named, others): (Vec<_>, Vec<_>) =
            merge(workspace, name)?.into_iter().partition(|it| is_named(&it.path, &corpus));
        let (files, bytes) = (named.len(), named.iter().map(|input| input.bytes).sum::<u64>());
        let chosen = choose(&named, others);
        let taken = chosen.iter().map(|input| fs::read(&input.path).map(|read| (input.path.clone(), read)));
        let taken = taken.collect::<Result<Vec<_>, _>>()?;
        for entry in fs::read_dir(&corpus)? {
            let path = entry?.path();
            if !is_named(&path, &corpus) {
                fs::remove_file(path)?;
            }
        }
        for (path, content) in &taken {
            fs::write(corpus.join(path.file_name().context("a file without a name")?), content)?;
        }
        let bytes = bytes + chosen.iter().map(|input| input.bytes).sum::<u64>();
        total += bytes;
        println!("{name}: {} inputs, {bytes} bytes", files + chosen.len());
    }
    println!("all: {total} bytes");
    Ok(())
}

/// Somebody chose it and gave it a name: it stays.
fn is_named(path: &Path, corpus: &Path) -> bool {
    let name = path.file_name().map(|name| name.to_string_lossy()).unwrap_or_default();
    let is_hash = name.len() == 40 && name.bytes().all(|byte| byte.is_ascii_hexdigit());
    path.starts_with(corpus) && !is_hash
}

/// Has libFuzzer say what each input of the committed corpus, and of what was found, reaches.
fn merge(workspace: &Workspace, name: &str) -> Result<Vec<Input>> {
    let scratch = session::target_folder(workspace).join("merge").join(name);
    if scratch.exists() {
        fs::remove_dir_all(&scratch)?;
    }
    let merged = scratch.join("merged");
    let found = session::found_folder(workspace, name);
    fs::create_dir_all(&merged)?;
    fs::create_dir_all(&found)?;
    let control = scratch.join("control");
    let corpus = session::corpus_folder(workspace, name);
    let mut command = workspace.command(session::binary(workspace, name)?, [&merged, &corpus, &found]);
    // Without this, an input is said to reach only what none before it has.
    command
        .args(["-merge=1", "-set_cover_merge=1"])
        .arg(format!("-merge_control_file={}", control.display()));
    command.arg(format!("-artifact_prefix={}/", scratch.display()));
    let output = command.stdout(Stdio::null()).stderr(Stdio::piped()).output()?;
    ensure!(output.status.success(), "{name}: {}", String::from_utf8_lossy(&output.stderr));
    let inputs = read_control(&fs::read_to_string(&control)?)?;
    fs::remove_dir_all(&scratch)?;
    Ok(inputs)
}

/// The control file: how many files, how many of them in the first folder, their names, then for each `STARTED number
/// bytes`, `FT number features`, `COV number edges`.
fn read_control(text: &str) -> Result<Vec<Input>> {
    let mut lines = text.lines();
    let count: usize = lines.next().context("an empty control file")?.parse()?;
    lines.next().context("a control file without a first folder")?;
    let mut inputs: Vec<_> = lines
        .by_ref()
        .take(count)
        .map(|path| Input { path: path.into(), bytes: 0, features: Vec::new() })
        .collect();
    for line in lines {
        let mut words = line.split(' ');
        let kind = words.next();
        let Some(number) = words.next() else { continue };
        let number: usize = number.parse()?;
        let input = inputs.get_mut(number).context("a number of no file")?;
        match kind {
            Some("STARTED") => input.bytes = words.next().context("no size")?.parse()?,
            Some("FT") => input.features = words.map(str::parse).collect::<Result<_, _>>()?,
            _ => {}
        }
    }
    Ok(inputs)
}

/// Chooses again and again the input that reaches the most that nothing chosen does, of these the smallest.
fn choose(named: &[Input], mut others: Vec<Input>) -> Vec<Input> {
    let mut reached: HashSet<u32> = named.iter().flat_map(|input| &input.features).copied().collect();
    let mut files = named.len();
    let mut room = MAX_CORPUS_BYTES.saturating_sub(named.iter().map(|input| input.bytes).sum());
    let mut chosen = Vec::new();
    while files < MAX_FILES {
        let gain = |input: &Input| input.features.iter().filter(|it| !reached.contains(it)).count();
        others.retain(|input| input.bytes <= room.min(MAX_INPUT_BYTES) && gain(input) > 0);
        let key = |input: &Input| (gain(input), std::cmp::Reverse(input.bytes));
        let best = others.iter().enumerate().max_by_key(|(_, input)| key(input)).map(|(place, _)| place);
        let Some(best) = best else { break };
        let best = others.swap_remove(best);
        reached.extend(&best.features);
        room -= best.bytes;
        files += 1;
        chosen.push(best);
    }
    chosen
}

#[cfg(test)]
mod tests {
    use super::*;

    fn input(path: &str, bytes: u64, features: &[u32]) -> Input {
        Input { path: path.into(), bytes, features: features.to_vec() }
    }

    #[test]
    fn a_control_file_says_what_each_input_reaches() {
        let text = "2\n0\n/c/a\n/f/b\nSTARTED 0 7\nFT 0 1 2\nCOV 0 1\nSTARTED 1 9\nFT 1 2 3\nCOV 1\nDONE\n";
        let expected = vec![input("/c/a", 7, &[1, 2]), input("/f/b", 9, &[2, 3])];
        assert_eq!(read_control(text).unwrap(), expected);
        assert!(read_control("").is_err());
        assert!(read_control("0\n0\nFT 1 2\n").is_err());
    }

    #[test]
    fn what_adds_the_most_is_chosen_and_what_adds_nothing_or_is_too_long_is_not() {
        let named = [input("/c/named", 10, &[1, 2])];
        let others = vec![
            input("/f/nothing", 1, &[1]),
            input("/f/little", 5, &[3]),
            input("/f/much", 50, &[3, 4, 5]),
            input("/f/same", 60, &[3, 4, 5]),
            input("/f/long", MAX_INPUT_BYTES + 1, &[9]),
        ];
        assert_eq!(choose(&named, others), [input("/f/much", 50, &[3, 4, 5])]);
    }

    #[test]
    fn a_corpus_is_bounded_in_files_and_bytes() {
        let small = (0..1_000).map(|n| input("/f/x", 1, &[n])).collect();
        assert_eq!(choose(&[input("/c/named", 1, &[])], small).len(), MAX_FILES - 1);
        let large: Vec<_> = (0..50).map(|n| input("/f/x", MAX_INPUT_BYTES, &[n])).collect();
        let chosen: u64 = choose(&[], large).iter().map(|input| input.bytes).sum();
        assert_eq!(chosen, MAX_CORPUS_BYTES);
    }

    #[test]
    fn what_a_person_named_stays() {
        let corpus = Path::new("/c");
        assert!(is_named(Path::new("/c/two_frames"), corpus));
        assert!(!is_named(&corpus.join("0".repeat(40)), corpus));
        assert!(!is_named(Path::new("/f/two_frames"), corpus));
    }
}

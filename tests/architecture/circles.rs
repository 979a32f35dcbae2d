//! Holds that modules import each other in one direction only: of the children of a module, none
//! imports another that imports it, on whatever way. A module and its own children may.

use super::{metadata, packages, text};
use crate::sources::assert_none;
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

/// Crates whose modules still import each other in circles, and why. One that has become free of
/// them is to be taken from this list, which never grows.
const WITH_CIRCLES: &[(&str, &str)] = &[
    (
        "meguri",
        "the command line and what it starts know each other",
    ),
    (
        "meguri-commands",
        "the commands, and what they keep for the next",
    ),
    ("meguri-evidence", "a bundle and its parts are one format"),
    (
        "meguri-http",
        "who asks and what one may hold are one thing yet",
    ),
    (
        "meguri-log",
        "encryption and errors stand among the log's own files",
    ),
    (
        "meguri-proofs",
        "a note is signed by keys that are written as notes",
    ),
    (
        "meguri-search",
        "a query is planned by the lexicon that it is made of",
    ),
    (
        "meguri-simulation",
        "a run and the worlds that it runs know each other",
    ),
];

/// Where a module stands in its crate: its name and those of the modules that it is in.
type Module = Vec<String>;

/// The modules of a crate, and what their files import.
#[derive(Default)]
struct Imports {
    /// What each module imports, by whole paths.
    of: BTreeMap<Module, Vec<Vec<String>>>,
    /// What a module hands on under a name, for it is defined elsewhere.
    handed_on: BTreeMap<(Module, String), Vec<String>>,
}

impl Imports {
    /// Reads all files below the folder of a crate's sources, but for tests.
    fn below(folder: &Path) -> Self {
        let mut imports = Self::default();
        let mut files = Vec::new();
        collect(folder, &[], &mut files);
        for (module, _) in &files {
            imports.of.insert(module.clone(), Vec::new());
        }
        for (module, source) in files {
            imports.read(&module, &source);
        }
        imports
    }

    fn read(&mut self, module: &[String], source: &str) {
        let tokens = tokens(source);
        let mut at = 0;
        while at < tokens.len() {
            let (paths, is_public) = match tokens[at].as_str() {
                "use" => {
                    let is_public = at > 0 && ["pub", ")"].contains(&tokens[at - 1].as_str());
                    at += 1;
                    (use_tree(&tokens, &mut at, &[]), is_public)
                }
                "crate" | "super" | "self" if follows(&tokens, at) => {
                    (vec![plain_path(&tokens, &mut at)], false)
                }
                _ => {
                    at += 1;
                    continue;
                }
            };
            for (name, path) in paths {
                let Some(path) = self.whole(module, path) else {
                    continue;
                };
                if is_public {
                    let handed_on = (module.to_vec(), name);
                    self.handed_on.insert(handed_on, path.clone());
                }
                self.of.entry(module.to_vec()).or_default().push(path);
            }
        }
    }

    /// A path from the root of the crate; none where it leads into another crate.
    fn whole(&self, module: &[String], path: Vec<String>) -> Option<Vec<String>> {
        let mut base = module.to_vec();
        let mut rest = path.as_slice();
        match rest.first()?.as_str() {
            "crate" => return Some(rest[1..].to_vec()),
            "self" => rest = &rest[1..],
            "super" => {
                while rest.first().is_some_and(|it| it == "super") {
                    base.pop();
                    rest = &rest[1..];
                }
            }
            child => {
                base.push(child.to_owned());
                let is_child = self.of.contains_key(&base);
                base.pop();
                if !is_child {
                    return None;
                }
            }
        }
        base.extend_from_slice(rest);
        Some(base)
    }

    /// The module in whose file that stands which a path leads to.
    fn defined_in(&self, path: &[String]) -> Module {
        let mut module = path.to_vec();
        while !self.of.contains_key(&module) && module.pop().is_some() {}
        if let Some(name) = path.get(module.len()) {
            let handed_on = self.handed_on.get(&(module.clone(), name.clone()));
            if let Some(elsewhere) = handed_on.filter(|elsewhere| *elsewhere != path) {
                let rest = &path[module.len() + 1..];
                return self.defined_in(&[elsewhere, rest].concat());
            }
        }
        module
    }

    /// Every circle of modules that are children of the same one, by their names.
    fn circles(&self) -> Vec<String> {
        let mut arrows: BTreeMap<Module, BTreeMap<String, BTreeSet<String>>> = BTreeMap::new();
        for (from, paths) in &self.of {
            for path in paths {
                let to = self.defined_in(path);
                let same = from.iter().zip(&to).take_while(|(a, b)| a == b).count();
                if let (Some(a), Some(b)) = (from.get(same), to.get(same)) {
                    let siblings = arrows.entry(from[..same].to_vec()).or_default();
                    siblings.entry(a.clone()).or_default().insert(b.clone());
                }
            }
        }
        let mut found = Vec::new();
        for (parent, arrows) in arrows {
            for circle in circles(&arrows) {
                found.push(format!("{}: {}", parent.join("::"), circle.join(", ")));
            }
        }
        found
    }
}

/// Sets of names that can all be reached from each other.
fn circles(arrows: &BTreeMap<String, BTreeSet<String>>) -> BTreeSet<Vec<String>> {
    let reached = |from: &String| {
        let mut reached = BTreeSet::new();
        let mut open: Vec<&String> = vec![from];
        while let Some(next) = open.pop() {
            for to in arrows.get(next).into_iter().flatten() {
                if reached.insert(to.clone()) {
                    open.push(to);
                }
            }
        }
        reached
    };
    let all: BTreeMap<_, _> = arrows.keys().map(|name| (name, reached(name))).collect();
    let circle = |name: &String| {
        let back = |other: &&String| all.get(other).is_some_and(|it| it.contains(name));
        let circle: Vec<String> = all[name].iter().filter(back).cloned().collect();
        (!circle.is_empty()).then_some(circle)
    };
    arrows.keys().filter_map(circle).collect()
}

fn collect(folder: &Path, module: &[String], files: &mut Vec<(Module, String)>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let stem = path.file_stem().unwrap().to_str().unwrap().to_owned();
        if ["tests", "testing", "bin"].contains(&stem.as_str()) {
            continue;
        }
        let mut inside = module.to_vec();
        if path.is_dir() {
            inside.push(stem);
            collect(&path, &inside, files);
        } else if path.extension().is_some_and(|it| it == "rs") {
            if !["lib", "main", "mod"].contains(&stem.as_str()) {
                inside.push(stem);
            }
            files.push((inside, fs::read_to_string(&path).unwrap()));
        }
    }
}

/// Names and signs of a source, without comments and without the tests at its end.
fn tokens(source: &str) -> Vec<String> {
    let code = source.split("#[cfg(test)]\nmod tests {").next().unwrap();
    let code = code.lines().map(|line| line.split("//").next().unwrap());
    let code = code.collect::<Vec<_>>().join("\n");
    let mut tokens: Vec<String> = Vec::new();
    let mut is_in_name = false;
    for sign in code.chars() {
        let of_name = sign.is_alphanumeric() || sign == '_';
        match tokens.last_mut() {
            Some(last) if (of_name && is_in_name) || (sign == ':' && last == ":") => {
                last.push(sign);
            }
            _ if sign.is_whitespace() => {}
            _ => tokens.push(sign.to_string()),
        }
        is_in_name = of_name;
    }
    tokens
}

/// Whether a path goes on behind this token.
fn follows(tokens: &[String], at: usize) -> bool {
    let is_middle = at > 0 && tokens[at - 1] == "::";
    !is_middle && tokens.get(at + 1).is_some_and(|it| it == "::")
}

/// A path outside of `use`, and its last name.
fn plain_path(tokens: &[String], at: &mut usize) -> (String, Vec<String>) {
    let mut path = vec![tokens[*at].clone()];
    *at += 1;
    while tokens.get(*at).is_some_and(|it| it == "::")
        && let Some(name) = tokens.get(*at + 1).filter(|it| is_name(it))
    {
        path.push(name.clone());
        *at += 2;
    }
    (path[path.len() - 1].clone(), path)
}

fn is_name(token: &str) -> bool {
    token.starts_with(|sign: char| sign.is_alphabetic() || sign == '_')
}

/// All paths of a `use`, each with the name that it goes by.
fn use_tree(tokens: &[String], at: &mut usize, before: &[String]) -> Vec<(String, Vec<String>)> {
    let mut path = before.to_vec();
    while let Some(token) = tokens.get(*at) {
        *at += 1;
        match token.as_str() {
            "{" => {
                let mut paths = Vec::new();
                while tokens.get(*at).is_some_and(|it| it != "}") {
                    paths.extend(use_tree(tokens, at, &path));
                    if tokens.get(*at).is_some_and(|it| it == ",") {
                        *at += 1;
                    }
                }
                *at += 1;
                return paths;
            }
            "*" => return vec![("*".to_owned(), path)],
            // The module itself, behind its own name.
            "self" if !path.is_empty() => {}
            "::" => continue,
            name => path.push(name.to_owned()),
        }
        match tokens.get(*at).map(String::as_str) {
            Some("::") => {}
            Some("as") => {
                *at += 2;
                return vec![(tokens[*at - 1].clone(), path)];
            }
            _ => break,
        }
    }
    path.last()
        .cloned()
        .map(|name| (name, path))
        .into_iter()
        .collect()
}

#[test]
fn modules_import_each_other_in_one_direction() {
    let metadata = metadata();
    let (mut wrong, mut free) = (Vec::new(), Vec::new());
    for package in packages(&metadata) {
        let name = text(package, "name");
        let manifest = Path::new(text(package, "manifest_path"));
        let sources = manifest.parent().unwrap().join("src");
        if !sources.is_dir() {
            continue;
        }
        let circles = Imports::below(&sources).circles();
        let listed = WITH_CIRCLES.iter().any(|(of, _)| *of == name);
        if listed && circles.is_empty() {
            free.push(name.to_owned());
        } else if !listed {
            wrong.extend(circles.into_iter().map(|circle| format!("{name} {circle}")));
        }
    }
    assert_none(
        &wrong,
        "modules that import each other in a circle: move what both need into one below them",
    );
    assert_none(&free, "crates without circles: take them from the list");
}

#[test]
fn a_circle_is_found_whatever_it_goes_through() {
    let read = |files: &[(&str, &str)]| {
        let mut imports = Imports::default();
        let module = |path: &str| path.split('/').map(str::to_owned).collect::<Module>();
        for (path, _) in files {
            imports.of.insert(module(path), Vec::new());
        }
        for (path, source) in files {
            imports.read(&module(path), source);
        }
        imports.circles()
    };
    let a_module_and_its_child = [
        ("a", "mod b; use b::B; pub struct A;"),
        ("a/b", "use super::A; pub struct B;"),
    ];
    assert_eq!(read(&a_module_and_its_child), Vec::<String>::new());
    let two = [
        ("a", "use crate::{b::{self, B as C}, other::X};"),
        ("b", "fn f() { crate::a::g() }"),
    ];
    assert_eq!(read(&two), [": a, b"]);
    // What a parent hands on counts for the file that it stands in.
    let handed_on = [
        ("a", "mod b; mod c; pub use b::B; pub use c::C;"),
        ("a/b", "use super::C; pub struct B;"),
        ("a/c", "use crate::a::B; pub struct C;"),
    ];
    assert_eq!(read(&handed_on), ["a: b, c"]);
    let through_children = [
        ("a", "mod x;"),
        ("a/x", "use crate::b::Y;"),
        ("b", "mod y;"),
        ("b/y", "// use crate::c::Z;\nuse crate::a::x::f;"),
        ("c", "use crate::a; use std::fmt;"),
    ];
    assert_eq!(read(&through_children), [": a, b"]);
}

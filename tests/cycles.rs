//! No file of a crate depends on a file that depends on it, directly or by way of others.
//!
//! A file depends on the files whose items it names, except in unit tests and in `pub use`. An item that another file
//! re-exports counts as named in the file that declares it. What a file names of its own submodules does not count: it puts
//! them together, and they add methods to the types that it declares.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    fs,
    path::Path,
};
use syn::visit::{self, Visit};

/// A path of identifiers from the root of a crate.
type ModulePath = Vec<String>;

/// The paths that a file names, and the names that it re-exports.
struct Names<'a> {
    module: ModulePath,
    modules: &'a BTreeSet<ModulePath>,
    named: Vec<ModulePath>,
    exported: HashMap<String, ModulePath>,
}

impl Names<'_> {
    /// The path from the root of the crate; `None` if it leads to another crate or to a local name.
    fn absolute(&self, path: &[String]) -> Option<ModulePath> {
        let child = |name| [&self.module[..], std::slice::from_ref(name)].concat();
        match path.first()?.as_str() {
            "crate" => Some(path[1..].to_vec()),
            "self" => Some([&self.module[..], &path[1..]].concat()),
            "super" => {
                let steps = path.iter().take_while(|name| *name == "super").count();
                let above = &self.module[..self.module.len().checked_sub(steps)?];
                Some([above, &path[steps..]].concat())
            }
            _ if self.modules.contains(&child(&path[0])) => Some([&self.module[..], path].concat()),
            _ => None,
        }
    }

    fn add_tree(&mut self, tree: &syn::UseTree, prefix: &mut Vec<String>, is_public: bool) {
        let (name, alias) = match tree {
            syn::UseTree::Group(group) => {
                return group.items.iter().for_each(|tree| self.add_tree(tree, prefix, is_public));
            }
            syn::UseTree::Path(path) => {
                prefix.push(path.ident.to_string());
                self.add_tree(&path.tree, prefix, is_public);
                prefix.pop();
                return;
            }
            syn::UseTree::Name(name) => (name.ident.to_string(), name.ident.to_string()),
            syn::UseTree::Rename(name) => (name.ident.to_string(), name.rename.to_string()),
            syn::UseTree::Glob(_) => (String::new(), String::new()),
        };
        let own = if name.is_empty() || name == "self" { Vec::new() } else { vec![name] };
        let Some(path) = self.absolute(&[&prefix[..], &own].concat()) else { return };
        if is_public {
            self.exported.insert(alias, path);
        } else {
            self.named.push(path);
        }
    }
}

fn is_test(attributes: &[syn::Attribute]) -> bool {
    let condition = |attribute: &syn::Attribute| attribute.meta.require_list().map(|list| list.tokens.to_string());
    attributes.iter().any(|attribute| {
        attribute.path().is_ident("cfg") && condition(attribute).is_ok_and(|tokens| tokens.contains("test"))
    })
}

impl<'ast> Visit<'ast> for Names<'_> {
    fn visit_item_mod(&mut self, item: &'ast syn::ItemMod) {
        if !is_test(&item.attrs) && item.content.is_some() {
            self.module.push(item.ident.to_string());
            visit::visit_item_mod(self, item);
            self.module.pop();
        }
    }

    fn visit_item_use(&mut self, item: &'ast syn::ItemUse) {
        if !is_test(&item.attrs) {
            self.add_tree(&item.tree, &mut Vec::new(), !matches!(item.vis, syn::Visibility::Inherited));
        }
    }

    fn visit_path(&mut self, path: &'ast syn::Path) {
        let segments: Vec<_> = path.segments.iter().map(|segment| segment.ident.to_string()).collect();
        if segments.len() > 1 {
            self.named.extend(self.absolute(&segments));
        }
        visit::visit_path(self, path);
    }
}

/// The files of a crate by the path of their module.
fn files(directory: &Path, module: &[String], found: &mut BTreeMap<ModulePath, syn::File>) {
    for entry in fs::read_dir(directory).expect("a directory") {
        let path = entry.expect("an entry").path();
        let name = path.file_stem().expect("a name").to_str().expect("UTF-8").to_owned();
        if path.is_dir() {
            files(&path, &[module, &[name]].concat(), found);
        } else if path.extension().is_some_and(|extension| extension == "rs") && name != "main" {
            let module = if name == "lib" { Vec::new() } else { [module, &[name]].concat() };
            let text = fs::read_to_string(&path).expect("UTF-8");
            found.insert(module, syn::parse_file(&text).expect("Rust"));
        }
    }
}

/// The files that each file of a crate depends on.
fn dependencies(source: &Path) -> BTreeMap<ModulePath, BTreeSet<ModulePath>> {
    let mut parsed = BTreeMap::new();
    files(source, &[], &mut parsed);
    let modules: BTreeSet<_> = parsed.keys().cloned().collect();
    let names: BTreeMap<ModulePath, Names<'_>> = parsed
        .iter()
        .map(|(module, file)| {
            let mut names =
                Names { module: module.clone(), modules: &modules, named: Vec::new(), exported: HashMap::new() };
            names.visit_file(file);
            (module.clone(), names)
        })
        .collect();
    let declared_in = |path: &ModulePath| {
        let mut path = path.clone();
        loop {
            let length = (0..=path.len()).rev().find(|length| modules.contains(&path[..*length])).expect("the root");
            let exported = path.get(length).and_then(|item| names[&path[..length]].exported.get(item));
            let Some(exported) = exported else { return path[..length].to_vec() };
            path = [&exported[..], &path[length + 1..]].concat();
        }
    };
    let of = |(module, names): (&ModulePath, &Names<'_>)| {
        let mut found: BTreeSet<_> = names.named.iter().map(declared_in).collect();
        found.retain(|other| !other.starts_with(module));
        (module.clone(), found)
    };
    names.iter().map(of).collect()
}

/// A cycle of files; `None` if there is none.
fn cycle(graph: &BTreeMap<ModulePath, BTreeSet<ModulePath>>) -> Option<Vec<&ModulePath>> {
    fn follow<'a>(
        graph: &'a BTreeMap<ModulePath, BTreeSet<ModulePath>>,
        file: &'a ModulePath,
        way: &mut Vec<&'a ModulePath>,
        done: &mut BTreeSet<&'a ModulePath>,
    ) -> bool {
        if let Some(start) = way.iter().position(|earlier| *earlier == file) {
            way.drain(..start);
            return true;
        }
        if done.contains(file) {
            return false;
        }
        way.push(file);
        if graph[file].iter().any(|next| follow(graph, next, way, done)) {
            return true;
        }
        way.pop();
        done.insert(file);
        false
    }
    let (mut way, mut done) = (Vec::new(), BTreeSet::new());
    graph.keys().any(|file| follow(graph, file, &mut way, &mut done)).then_some(way)
}

#[test]
fn the_files_of_a_crate_depend_on_each_other_in_one_direction() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let crates = fs::read_dir(root.join("crates")).expect("a directory");
    let sources = crates.map(|entry| entry.expect("an entry").path().join("src")).chain([root.join("src")]);
    let mut files = 0;
    for source in sources {
        let graph = dependencies(&source);
        files += graph.values().filter(|dependencies| !dependencies.is_empty()).count();
        assert_eq!(cycle(&graph), None, "{}: files depend on each other in a cycle", source.display());
    }
    assert!(files > 50, "only {files} files depend on another file");
}

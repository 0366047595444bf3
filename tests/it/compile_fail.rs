//! The first wall, the type: programs that must not compile.
//!
//! Each program in `tests/ui` marks its forbidden lines with `//~ CODE words`. The compiler must
//! refuse exactly those lines, for that reason; without them the program must compile. So a
//! program can't pass because of a typing error, and a broken runner can't pass at all.

use std::{
    collections::BTreeMap,
    env, fs,
    path::{Path, PathBuf},
    process::Command,
    sync::atomic::{AtomicUsize, Ordering},
    thread,
};

#[test]
fn no_program_can_make_a_grant_read_a_key_or_store_plain_text() {
    let compiler = Compiler::new();
    let programs = programs();
    assert!(programs.len() >= 15, "only {} programs", programs.len());
    let (next, complaints) = (AtomicUsize::new(0), parking_lot::Mutex::new(Vec::new()));
    thread::scope(|scope| {
        for _ in 0..thread::available_parallelism().map_or(2, usize::from) {
            scope.spawn(|| {
                while let Some(path) = programs.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let found = compiler.check(path);
                    complaints.lock().extend(found);
                }
            });
        }
    });
    let complaints = complaints.into_inner();
    assert!(complaints.is_empty(), "\n{}", complaints.join("\n"));
}

#[test]
fn the_runner_notices_what_compiles_and_what_fails_for_another_reason() {
    let compiler = Compiler::new();
    let check = |text: &str| {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("program.rs");
        fs::write(&path, text).unwrap();
        compiler.check(&path)
    };
    let forbidden = "let _ = locule::seal::RootKey::default();";
    let marked = |mark: &str| format!("pub fn f() {{\n    {forbidden} {mark}\n}}\n");
    assert_eq!(check(&marked("//~ E0599 named `default`")), [""; 0]);
    let cases = [
        (
            "pub fn f() {} //~ E0599 nothing is wrong here\n".to_owned(),
            1,
        ),
        (marked("//~ E0308 named `default`"), 1),
        (marked("//~ E0599 other words"), 1),
        // No mark at all; an error where none is marked; the same without the marked lines.
        (marked("// not marked"), 3),
    ];
    for (program, complaints) in cases {
        assert_eq!(
            check(&program).len(),
            complaints,
            "{program}{:?}",
            check(&program)
        );
    }
}

/// `rustc`, and the crate as this test binary was linked with it.
struct Compiler {
    library: PathBuf,
    dependencies: PathBuf,
}

impl Compiler {
    fn new() -> Self {
        let dependencies = env::current_exe().unwrap().parent().unwrap().to_owned();
        let built = |path: &PathBuf| fs::metadata(path).unwrap().modified().unwrap();
        let libraries = fs::read_dir(&dependencies)
            .unwrap()
            .map(|entry| entry.unwrap().path())
            .filter(|path| {
                let name = path.file_name().unwrap().to_string_lossy().into_owned();
                name.starts_with("liblocule-") && name.ends_with(".rlib")
            });
        let library = libraries.max_by_key(built).unwrap();
        Self {
            library,
            dependencies,
        }
    }

    /// What isn't as it should be with a program.
    fn check(&self, path: &Path) -> Vec<String> {
        let name = path.file_name().unwrap().to_string_lossy();
        let text = fs::read_to_string(path).unwrap();
        let expected = marks(&text);
        let mut complaints = Vec::new();
        if expected.is_empty() {
            complaints.push(format!("{name}: no line is marked as forbidden"));
        }
        let mut refused = self.compile(&text);
        for (line, (code, words)) in &expected {
            let errors = refused.remove(line).unwrap_or_default();
            let right = |error: &String| {
                error.contains(&format!("error[{code}]")) && error.contains(words.as_str())
            };
            if !errors.iter().any(right) {
                complaints.push(format!(
                    "{name}:{line}: expected {code} {words}, the compiler says {errors:?}"
                ));
            }
        }
        for (line, errors) in refused {
            complaints.push(format!(
                "{name}:{line}: refused, and not marked: {errors:?}"
            ));
        }
        let allowed: String = text
            .lines()
            .filter(|line| !line.contains(MARK))
            .map(|line| format!("{line}\n"))
            .collect();
        for errors in self.compile(&allowed).into_values() {
            complaints.push(format!("{name} without its forbidden lines: {errors:?}"));
        }
        complaints
    }

    /// The compiler's errors, by line.
    fn compile(&self, program: &str) -> BTreeMap<usize, Vec<String>> {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("program.rs");
        fs::write(&path, program).unwrap();
        let output = Command::new(env::var_os("RUSTC").unwrap_or_else(|| "rustc".into()))
            .args(["--edition=2024", "--crate-type=lib", "--emit=metadata"])
            .args(["--error-format=short", "--cap-lints=allow", "--color=never"])
            .arg("--extern")
            .arg(format!("locule={}", self.library.display()))
            .arg("-L")
            .arg(format!("dependency={}", self.dependencies.display()))
            .arg("--out-dir")
            .arg(directory.path())
            .arg(&path)
            .output()
            .unwrap();
        let mut errors: BTreeMap<usize, Vec<String>> = BTreeMap::new();
        for line in String::from_utf8_lossy(&output.stderr).lines() {
            // `path:line:column: error[CODE]: message`; what has no line concerns the whole.
            if line.contains("error") && !line.starts_with("error: aborting") {
                let rest = line.strip_prefix(&*path.to_string_lossy());
                let number = rest.and_then(|rest| rest.split(':').nth(1)?.parse().ok());
                errors
                    .entry(number.unwrap_or(0))
                    .or_default()
                    .push(line.to_owned());
            }
        }
        assert_eq!(errors.is_empty(), output.status.success(), "{output:?}");
        errors
    }
}

/// The marks of a program: line, error code, words.
fn marks(text: &str) -> BTreeMap<usize, (String, String)> {
    let marked = |(number, line): (usize, &str)| {
        let (code, words) = line.split_once(MARK)?.1.trim().split_once(' ')?;
        Some((number + 1, (code.to_owned(), words.to_owned())))
    };
    text.lines().enumerate().filter_map(marked).collect()
}

fn programs() -> Vec<PathBuf> {
    let mut programs: Vec<_> = fs::read_dir(crate::harness::checkout("tests/ui"))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    programs.sort();
    programs
}

/// Stands before the code and the words of the expected error.
const MARK: &str = "//~";

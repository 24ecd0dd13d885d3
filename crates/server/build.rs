//! Asks the linker to put the functions that run in every server side by side, and to pack relocations.
//!
//! Program text becomes resident page by page, and the kernel maps sixteen pages around each that is touched. Scattered
//! over the program, the functions of a start make nearly all of it resident. `hot.txt` names them; it is written by
//! `cargo xtask hot` (bench/README.md). Names that no longer exist do no harm, and neither does a linker that understands
//! none of this: what a trial program cannot be linked and run with is left out.

use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::{env, fs};

/// Sixteen bytes instead of a kilobyte for a page of pointers in constants; glibc knows it since 2.36.
const PACKED_RELOCATIONS: &str = "-Wl,-z,pack-relative-relocs";

fn main() -> io::Result<()> {
    let mut out = io::stdout();
    writeln!(out, "cargo::rerun-if-changed=build.rs")?;
    writeln!(out, "cargo::rerun-if-changed=hot.txt")?;
    let of = |name: &str| env::var(name).unwrap_or_default();
    let native = of("TARGET") == of("HOST") && of("CARGO_CFG_TARGET_OS") == "linux";
    if !native || of("PROFILE") != "release" {
        return Ok(());
    }
    let folder = PathBuf::from(of("OUT_DIR"));
    let script = folder.join("hot.ld");
    fs::write(&script, linker_script(&fs::read_to_string("hot.txt")?))?;
    for argument in [format!("-Wl,-T,{}", script.display()), PACKED_RELOCATIONS.to_owned()] {
        if works(&folder, &argument)? {
            writeln!(out, "cargo::rustc-link-arg-bins={argument}")?;
        }
    }
    Ok(())
}

/// An addition to the linker's own script: the sections of these functions come first, in the order of the list.
fn linker_script(names: &str) -> String {
    let mut script = "SECTIONS\n{\n  .text.hot :\n  {\n".to_owned();
    for name in names.lines().filter(|line| !line.is_empty() && !line.starts_with('#')) {
        // What the compiler takes for rare stands in sections of another name.
        script.push_str(&format!("    *(.text.{name} .text.unlikely.{name})\n"));
    }
    script.push_str("  }\n}\nINSERT BEFORE .text;\n");
    script
}

/// Whether a program that is linked with this argument runs here.
fn works(folder: &Path, argument: &str) -> io::Result<bool> {
    let (source, program) = (folder.join("trial.rs"), folder.join("trial"));
    fs::write(&source, "fn main() {}\n")?;
    let mut compiler = Command::new(env::var_os("RUSTC").unwrap_or_else(|| "rustc".into()));
    compiler.arg(&source).arg("-o").arg(&program).arg(format!("-Clink-arg={argument}"));
    if let Some(linker) = env::var_os("RUSTC_LINKER") {
        compiler.arg("-C").arg(format!("linker={}", linker.display()));
    }
    let flags = env::var("CARGO_ENCODED_RUSTFLAGS").unwrap_or_default();
    compiler.args(flags.split('\x1f').filter(|flag| !flag.is_empty()));
    let quiet = |command: &mut Command| {
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).status()
    };
    Ok(quiet(&mut compiler)?.success() && quiet(&mut Command::new(&program))?.success())
}

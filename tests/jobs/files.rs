//! Files to files: lines of several files are read in parts, and written to small files that roll.

#![expect(clippy::disallowed_methods, reason = "the job's input and output are real files")]

use crate::jobs::events;
use flott::prelude::*;
use flott_sim::{Job, Rows, World};
use std::path::Path;

pub const JOB: Job = Job::new("files", build, expected).read_by(committed);
const FILES: u32 = 6;
const LINES: u64 = 80;

fn lines(world: &World) -> Vec<Vec<String>> {
    world.events(FILES, LINES, |file, n, random| format!("file {file} line {n} {}", "x".repeat(random.usize(..30))))
}

/// The folders for input and output; input is written when it is asked for first.
fn folders(world: &World) -> (std::path::PathBuf, std::path::PathBuf) {
    let (folder, is_new) = world.folder();
    let (input, output) = (folder.join("in"), folder.join("out"));
    if is_new {
        std::fs::create_dir(&input).unwrap();
        for (n, lines) in lines(world).iter().enumerate() {
            std::fs::write(input.join(format!("{n}.txt")), lines.join("\n") + "\n").unwrap();
        }
    }
    (input, output)
}

fn build(world: &World, env: &StreamExecutionEnvironment) {
    let (input, output) = folders(world);
    let lines = events::stepping(world, &env.read_text(input)).map(|line| line.to_uppercase());
    lines.write_text(output).with_rolling_policy(RollingPolicy::default().with_part_bytes(700)).uid("files");
}

fn expected(world: &World) -> Rows {
    let mut rows = Rows::new();
    for line in lines(world).into_iter().flatten() {
        rows.add_text("files", line.to_uppercase());
    }
    rows
}

fn committed(world: &World) -> Rows {
    let mut rows = Rows::new();
    let (_, output) = folders(world);
    read_finished(&output, &mut rows);
    rows
}

/// The lines of all finished files of a folder: those whose names do not start with a dot.
fn read_finished(folder: &Path, rows: &mut Rows) {
    let Ok(files) = std::fs::read_dir(folder) else { return };
    for file in files.map(|file| file.unwrap().path()) {
        if !file.file_name().is_some_and(|name| name.to_string_lossy().starts_with('.')) {
            let text = std::fs::read_to_string(file).unwrap();
            text.lines().for_each(|line| rows.add_text("files", line.to_owned()));
        }
    }
}

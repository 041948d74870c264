//! The Verilog of a block, as RustHDL writes it but for what a lint rightly complains of.
//!
//! | RustHDL writes | here |
//! |---|---|
//! | the outermost module is `top` | it has the name it is given, which is its file's too |
//! | every module lists all values of the enums of its ports | constants that a module never names are left out |
//! | an instance is named like its field, also where the module behind it has a signal of that name | the signal of module `bank` is `own_bank` |
//! | a block is one `always`, which drives the blocks inside and reads what they answer in the same cycle | one `always` for each signal: `slices` |
//!
//! Nothing that is computed is changed, and blocks keep their names, by which reports count them.

mod slices;

use std::collections::{HashMap, HashSet};

use rust_hdl::prelude::{Block, generate_verilog};

/// What RustHDL calls the outermost module.
const TOP: &str = "top";

/// The Verilog of a connected block, its outermost module called `name`.
///
/// # Panics
/// If it would not do what the source does: see `slices::inputs_read_early`.
pub fn verilog_of(block: &impl Block, name: &str) -> String {
    let text = generate_verilog(block);
    let early = slices::inputs_read_early(&text);
    assert!(early.is_empty(), "inputs of inner blocks are read before they are assigned for the last time: {early:?}");
    tidied(&slices::sliced(&text), name)
}

/// A module as RustHDL wrote it.
#[derive(Default)]
struct Module<'a> {
    lines: Vec<&'a str>,
    declared: HashSet<&'a str>,
    /// Everything that is named but where constants are declared.
    named: HashSet<&'a str>,
}

fn tidied(text: &str, name: &str) -> String {
    let modules = modules(text);
    let index: HashMap<&str, &Module> = modules.iter().map(|(name, module)| (*name, module)).collect();
    // Modules that have a signal with the name of their instance, and that name.
    let mut shadows: HashMap<&str, &str> = HashMap::new();
    for line in modules.iter().flat_map(|(_, module)| &module.lines) {
        if let Some((module, instance)) = instance(line)
            && index.get(module).is_some_and(|module| module.declared.contains(instance))
        {
            shadows.insert(module, instance);
        }
    }
    let mut out = String::with_capacity(text.len());
    for (module_name, module) in &modules {
        let shadow = shadows.get(module_name);
        // The signal of the instance that is being connected, if it has another name now.
        let mut renamed_port = None;
        for line in &module.lines {
            if constant(line).is_some_and(|constant| !module.named.contains(constant)) {
                continue;
            }
            let mut line = (*line).to_owned();
            if let Some((module, _)) = instance(&line) {
                renamed_port = shadows.get(module);
                line = line.replacen(TOP, name, 1);
            } else if line.starts_with("module ") || line.starts_with("endmodule") {
                line = line.replacen(TOP, name, 1);
            } else if line.trim() == ");" {
                renamed_port = None;
            } else if let Some(port) = renamed_port {
                line = line.replacen(&format!(".{port}("), &format!(".own_{port}("), 1);
            }
            if let Some(shadow) = shadow {
                line = with_renamed(&line, shadow);
            }
            out.push_str(&line);
            out.push('\n');
        }
        out.push('\n');
    }
    out
}

fn modules(text: &str) -> Vec<(&str, Module<'_>)> {
    let mut modules: Vec<(&str, Module)> = Vec::new();
    let mut is_inside = false;
    for line in text.lines() {
        if let Some((name, _)) = line.strip_prefix("module ").and_then(|line| line.split_once('(')) {
            modules.push((name, Module::default()));
            is_inside = true;
        }
        let Some((_, module)) = modules.last_mut().filter(|_| is_inside) else { continue };
        is_inside = !line.starts_with("endmodule");
        module.lines.push(line);
        match (declaration(line), constant(line)) {
            (Some(name), _) => drop(module.declared.insert(name)),
            (None, Some(_)) => {}
            (None, None) => module.named.extend(identifiers(line)),
        }
    }
    modules
}

/// Module and name of the instance that begins in this line.
fn instance(line: &str) -> Option<(&str, &str)> {
    let (module, instance) = line.trim().strip_suffix('(')?.split_once(' ')?;
    module.starts_with("top$").then_some((module, instance))
}

/// The signal that is declared in this line.
fn declaration(line: &str) -> Option<&str> {
    let line = line.trim();
    let is_signal = ["input ", "output ", "reg ", "wire "].iter().any(|word| line.starts_with(word));
    is_signal.then(|| identifiers(line).last()).flatten()
}

/// The constant that is declared in this line.
fn constant(line: &str) -> Option<&str> {
    identifiers(line.trim().strip_prefix("localparam ")?.split('=').next()?).last()
}

fn is_of_identifier(c: char) -> bool {
    c.is_ascii_alphanumeric() || c == '_' || c == '$'
}

fn identifiers(line: &str) -> impl DoubleEndedIterator<Item = &str> {
    line.split(|c| !is_of_identifier(c)).filter(|word| !word.is_empty())
}

/// The line with `own_` before every identifier of this name, but for that of an inner instance's port.
fn with_renamed(line: &str, name: &str) -> String {
    let mut out = String::new();
    for word in line.split_inclusive(|c| !is_of_identifier(c)) {
        if word.trim_end_matches(|c| !is_of_identifier(c)) == name && !out.ends_with('.') {
            out.push_str("own_");
        }
        out.push_str(word);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    const WRITTEN: &str = "

module top(clock,count);
    input wire  clock;
    output reg  [3:0] count;
    localparam State$Idle = 0;
    localparam State$Run = 1;
    localparam  first = 4'h1;
    reg  [3:0] bank$bank;
    wire  [3:0] bank$q;
    top$bank bank(
        .bank(bank$bank),
        .q(bank$q)
    );
    always @(*) begin
        bank$bank = first;
        if (bank$q == State$Run) count = bank$q;
    end
endmodule // top


module top$bank(bank,q);
    input wire  [3:0] bank;
    output reg  [3:0] q;
    localparam State$Idle = 0;
    always @(*) begin
        q = bank[1]+bank;
    end
endmodule // top$bank
";

    #[test]
    fn only_names_and_unused_constants_change() {
        let tidy = tidied(WRITTEN, "card");
        let expected = WRITTEN
            .trim_start()
            .replace("module top", "module card")
            .replace("// top", "// card")
            .replace("    top$bank", "    card$bank")
            .replace(".bank(", ".own_bank(")
            .replace("$bank(bank,q)", "$bank(own_bank,q)")
            .replace("[3:0] bank;", "[3:0] own_bank;")
            .replace("bank[1]+bank", "own_bank[1]+own_bank")
            .replace("    localparam State$Idle = 0;\n", "")
            .replace("\n\n\n", "\n\n");
        assert_eq!(tidy, expected + "\n");
    }

    #[test]
    fn port_of_an_instance_keeps_its_name_where_the_signal_of_that_name_beside_it_has_another() {
        assert_eq!(with_renamed("        .bank(bank),", "bank"), "        .bank(own_bank),");
    }
}

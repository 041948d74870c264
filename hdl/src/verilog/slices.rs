//! One `always @(*)` for each signal, where RustHDL writes one for all signals of a block.
//!
//! Such an `always` drives the blocks inside and reads their answers. Signal by signal there is no loop, but
//! whoever schedules it as a whole sees one: it must run before the block inside, and after it.
//!
//! ```text
//!     always @(*) begin                        always @(*) begin
//!         table$address = at;                      table$address = at;
//!         sum = 8'h0;                              if (is_other) begin
//!         if (is_other) begin                          table$address = other;
//!             table$address = other;               end
//!             sum = table$q;                   end
//!         end                                  always @(*) begin
//!     end                                          sum = 8'h0;
//!                                                  if (is_other) begin
//!                                                      sum = table$q;
//!                                                  end
//!                                              end
//! ```
//!
//! The slice of a signal is all assignments to it (or to a part of it), within the `if`s and `case`s that
//! enclose them, in their order. What it reads of other slices is their final value, so that is what it must have
//! read before: in the text, no assignment to a signal may follow a read of it by another. Signals for which that
//! does not hold, like one that is used for this first and then for that, share a slice with those that read them.
//! So do signals that nothing would wake with one that a port does (`Groups::of`).
//!
//! Blocks whose inner blocks are registers and memories only, which answer at a clock edge, stay as they are; so
//! does everything written by hand.

use std::collections::{HashMap, HashSet};

use super::{Module, identifiers, instance, is_of_identifier, modules};

/// What RustHDL writes before an `always` that it has made itself.
const GENERATED: &str = "// Update code";
const BEGIN: &str = "always @(*) begin";
const DEFAULT: &str = "default:";
const INDENT: &str = "    ";

/// The text with the blocks sliced that need it.
pub(super) fn sliced(text: &str) -> String {
    let modules = modules(text);
    let index: HashMap<&str, &Module> = modules.iter().map(|(name, module)| (*name, module)).collect();
    let answers_at_once = |line: &&str| {
        let module = instance(line).and_then(|(module, _)| index.get(module));
        module.is_some_and(|module| module.lines.iter().any(|line| line.contains("always @(*)")))
    };
    let mut out = String::with_capacity(2 * text.len());
    for (_, module) in &modules {
        let lines = &module.lines[..];
        let is_signal = |name: &str| module.declared.contains(name);
        let clocked: HashSet<&str> = lines
            .iter()
            .filter(|line| !answers_at_once(line))
            .filter_map(|line| instance(line).map(|(_, instance)| instance))
            .collect();
        let is_still = |name: &str| name.split_once('$').is_some_and(|(instance, _)| clocked.contains(instance));
        let slices = if lines.iter().any(answers_at_once) { slices(lines, is_signal, is_still) } else { None };
        let (before, slices, after) = slices.unwrap_or((lines, String::new(), &[]));
        before.iter().for_each(|line| write_line(line, 0, &mut out));
        out.push_str(&slices);
        after.iter().for_each(|line| write_line(line, 0, &mut out));
        out.push('\n');
    }
    out
}

/// The lines before the `always` of a module, its slices, and the lines after it; none if it has none, or
/// one with something in it that RustHDL does not write.
fn slices<'a>(
    lines: &'a [&'a str],
    is_signal: impl Fn(&str) -> bool,
    is_still: impl Fn(&str) -> bool,
) -> Option<(&'a [&'a str], String, &'a [&'a str])> {
    let (begin, statements, end) = generated(lines, is_signal)?;
    let mut text = String::new();
    for slice in Groups::of(&statements, is_still).slices() {
        write_slice(&statements, &slice, &mut text);
    }
    Some((&lines[..begin], text, &lines[end..]))
}

/// The statements of the `always` of a module, and where it begins and ends.
fn generated<'a>(lines: &'a [&'a str], is_signal: impl Fn(&str) -> bool) -> Option<(usize, Vec<Statement<'a>>, usize)> {
    let begin = 1 + lines.iter().position(|line| line.trim() == GENERATED)?;
    if lines.get(begin)?.trim() != BEGIN {
        return None;
    }
    let mut parser = Parser { lines, at: begin + 1, is_signal };
    let statements = parser.statements()?;
    (parser.next()? == "end").then_some(())?;
    Some((begin, statements, parser.at))
}

/// Inputs of inner blocks that a block reads before it has assigned them for the last time, with its name. There Verilog
/// has what was assigned so far. RustHDL has what was assigned in the end, and to what an input follows from itself,
/// what it was before.
pub(super) fn inputs_read_early(text: &str) -> Vec<(&str, &str)> {
    let mut early = Vec::new();
    for (name, module) in modules(text) {
        let instances: HashSet<&str> =
            module.lines.iter().filter_map(|line| instance(line).map(|(_, instance)| instance)).collect();
        let is_input = |name: &str| name.rsplit_once('$').is_some_and(|(instance, _)| instances.contains(instance));
        let lines: Vec<&str> = module.lines.clone();
        let Some((_, statements, _)) = generated(&lines, |name| module.declared.contains(name)) else { continue };
        let mut groups = Groups::default();
        groups.visit(&statements, &mut Vec::new());
        for &(_, read, at) in &groups.reads {
            if is_input(read) && groups.index.get(read).is_some_and(|&target| at <= groups.last[target]) {
                early.extend(module.declared.get(read).map(|&read| (name, read)));
            }
        }
    }
    early.dedup();
    early
}

/// A statement, and the signals that it reads itself.
enum Statement<'a> {
    Assignment {
        line: &'a str,
        target: &'a str,
        reads: Vec<&'a str>,
        at: usize,
    },
    /// `if`, `else if` and `else`, with their heads.
    If(Vec<Branch<'a>>),
    /// `case`, with its labels.
    Case {
        head: &'a str,
        reads: Vec<&'a str>,
        at: usize,
        branches: Vec<Branch<'a>>,
    },
}

struct Branch<'a> {
    head: &'a str,
    reads: Vec<&'a str>,
    at: usize,
    statements: Vec<Statement<'a>>,
}

/// Reads what RustHDL writes: one statement, head, `begin` or `end` a line.
struct Parser<'a, F> {
    lines: &'a [&'a str],
    /// The next line.
    at: usize,
    is_signal: F,
}

impl<'a, F: Fn(&str) -> bool> Parser<'a, F> {
    fn peek(&self) -> Option<&'a str> {
        self.lines.get(self.at).map(|line| line.trim())
    }

    fn next(&mut self) -> Option<&'a str> {
        let line = self.peek()?;
        self.at += 1;
        Some(line)
    }

    fn expect(&mut self, line: &str) -> Option<()> {
        (self.next()? == line).then_some(())
    }

    fn reads(&self, text: &'a str) -> Vec<&'a str> {
        // What follows the tick of a number is no name.
        let parts = text.split('\'').enumerate();
        let parts = parts.map(|(i, part)| if i == 0 { part } else { part.trim_start_matches(is_of_identifier) });
        parts.flat_map(identifiers).filter(|name| (self.is_signal)(name)).collect()
    }

    /// All statements up to an `end`.
    fn statements(&mut self) -> Option<Vec<Statement<'a>>> {
        let mut statements = Vec::new();
        while self.peek()? != "end" {
            let at = self.at;
            let line = self.next()?;
            if line.is_empty() || line.starts_with("//") {
                continue;
            }
            statements.push(if line.starts_with("if ") {
                self.conditional(line, at)?
            } else if line.starts_with("case ") {
                self.case(line, at)?
            } else {
                self.assignment(line, at)?
            });
        }
        Some(statements)
    }

    fn conditional(&mut self, head: &'a str, at: usize) -> Option<Statement<'a>> {
        let mut branches = vec![self.branch(head, at)?];
        while let Some(head) = self.peek().filter(|line| line.starts_with("else ")) {
            let at = self.at;
            self.at += 1;
            branches.push(self.branch(head, at)?);
        }
        Some(Statement::If(branches))
    }

    /// A branch that begins in its head.
    fn branch(&mut self, head: &'a str, at: usize) -> Option<Branch<'a>> {
        let condition = head.strip_suffix(" begin")?;
        let statements = self.statements()?;
        self.expect("end")?;
        Some(Branch { head, reads: self.reads(condition), at, statements })
    }

    fn case(&mut self, head: &'a str, at: usize) -> Option<Statement<'a>> {
        let selector = head.strip_prefix("case ")?;
        let mut branches: Vec<Branch> = Vec::new();
        while self.peek()? != "endcase" {
            let at = self.at;
            let head = self.next()?;
            let label = head.strip_suffix(':')?;
            // Of equal labels the first counts, also where it assigns nothing.
            branches.iter().all(|branch| branch.head != head).then_some(())?;
            self.expect("begin")?;
            let statements = self.statements()?;
            self.expect("end")?;
            branches.push(Branch { head, reads: self.reads(label), at, statements });
        }
        self.expect("endcase")?;
        Some(Statement::Case { head, reads: self.reads(selector), at, branches })
    }

    /// `target = value;` or `target[part] = value;`
    fn assignment(&self, line: &'a str, at: usize) -> Option<Statement<'a>> {
        let (left, value) = line.strip_suffix(';')?.split_once(" = ")?;
        let target = identifiers(left).next().filter(|target| left.starts_with(target))?;
        let part = &left[target.len()..];
        let is_whole = part.is_empty() || (part.starts_with('[') && part.ends_with(']'));
        (is_whole && !value.contains(';') && (self.is_signal)(target)).then_some(())?;
        let reads = [self.reads(part), self.reads(value)].concat();
        Some(Statement::Assignment { line, target, reads, at })
    }
}

/// Which signals share a slice.
#[derive(Default)]
struct Groups<'a> {
    /// In the order of their first assignments.
    targets: Vec<&'a str>,
    index: HashMap<&'a str, usize>,
    /// Where each is assigned last.
    last: Vec<usize>,
    /// Who reads what, and where.
    reads: Vec<(usize, &'a str, usize)>,
    /// Of each target, itself or one before it of its group.
    parent: Vec<usize>,
}

impl<'a> Groups<'a> {
    /// `is_still`: of a signal that is not assigned here, that it changes at a clock edge only.
    fn of(statements: &[Statement<'a>], is_still: impl Fn(&str) -> bool) -> Self {
        let mut groups = Self::default();
        groups.visit(statements, &mut Vec::new());
        groups.parent = (0..groups.targets.len()).collect();
        let reads = std::mem::take(&mut groups.reads);
        for &(reader, name, at) in &reads {
            if let Some(&read) = groups.index.get(name)
                && at <= groups.last[read]
            {
                groups.join(reader, read);
            }
        }
        // An `always` waits for a change. One that reads nothing, or registers alone, whose first values are there
        // before it waits, would not run: such signals go with the first that reads another, which in most blocks
        // is a clock.
        let mut wakes = vec![false; groups.targets.len()];
        let mut is_settled = false;
        while !is_settled {
            is_settled = true;
            for &(reader, name, _) in &reads {
                let wakes_reader = groups.index.get(name).map_or_else(|| !is_still(name), |&read| wakes[read]);
                if wakes_reader && !wakes[reader] {
                    wakes[reader] = true;
                    is_settled = false;
                }
            }
        }
        if let Some(first) = wakes.iter().position(|&wakes| wakes) {
            for target in (0..groups.targets.len()).filter(|&target| !wakes[target]) {
                groups.join(first, target);
            }
        }
        groups
    }

    /// `conditions`: what is read to come here, and where.
    fn visit(&mut self, statements: &[Statement<'a>], conditions: &mut Vec<(&'a str, usize)>) {
        for statement in statements {
            let depth = conditions.len();
            match statement {
                Statement::Assignment { target, reads, at, .. } => {
                    let reader = *self.index.entry(target).or_insert_with(|| {
                        self.targets.push(target);
                        self.last.push(0);
                        self.targets.len() - 1
                    });
                    self.last[reader] = *at;
                    let reads = reads.iter().map(|&name| (name, *at)).chain(conditions.iter().copied());
                    self.reads.extend(reads.map(|(name, at)| (reader, name, at)));
                }
                Statement::If(branches) => self.visit_branches(branches, conditions),
                Statement::Case { reads, at, branches, .. } => {
                    conditions.extend(reads.iter().map(|&name| (name, *at)));
                    self.visit_branches(branches, conditions);
                }
            }
            conditions.truncate(depth);
        }
    }

    /// Who comes to a branch has read the conditions of those before it.
    fn visit_branches(&mut self, branches: &[Branch<'a>], conditions: &mut Vec<(&'a str, usize)>) {
        for Branch { reads, at, statements, .. } in branches {
            conditions.extend(reads.iter().map(|&name| (name, *at)));
            self.visit(statements, conditions);
        }
    }

    fn root(&self, mut target: usize) -> usize {
        while self.parent[target] != target {
            target = self.parent[target];
        }
        target
    }

    fn join(&mut self, one: usize, other: usize) {
        let (one, other) = (self.root(one), self.root(other));
        self.parent[one.max(other)] = one.min(other);
    }

    /// The groups, in the order of their first assignments.
    fn slices(&self) -> Vec<Vec<&'a str>> {
        let mut slices = vec![Vec::new(); self.targets.len()];
        for (target, name) in self.targets.iter().enumerate() {
            slices[self.root(target)].push(*name);
        }
        slices.retain(|slice| !slice.is_empty());
        slices
    }
}

/// Writes the `always` of some targets.
fn write_slice(statements: &[Statement], targets: &[&str], out: &mut String) {
    let mut body = String::new();
    write_statements(statements, targets, 2, &mut body);
    let body = match body.trim() {
        line if line.ends_with(';') && !line.contains('\n') => format!("{INDENT}always @(*) {line}\n"),
        _ => format!("{INDENT}{BEGIN}\n{body}{INDENT}end\n"),
    };
    out.push_str(&body);
}

fn write_statements(statements: &[Statement], targets: &[&str], depth: usize, out: &mut String) {
    for statement in statements.iter().filter(|statement| statement.is_of(targets)) {
        match statement {
            Statement::Assignment { line, .. } => write_line(line, depth, out),
            Statement::If(branches) => {
                // Branches before the last that assigns keep it from its turn.
                let last = branches.iter().rposition(|branch| branch.is_of(targets)).unwrap_or(0);
                for Branch { head, statements, .. } in &branches[..=last] {
                    write_line(head, depth, out);
                    write_statements(statements, targets, depth + 1, out);
                    write_line("end", depth, out);
                }
            }
            Statement::Case { head, branches, .. } => {
                write_line(head, depth, out);
                // A label without assignments keeps its value from the default.
                let is_default_of = branches.iter().any(|branch| branch.head == DEFAULT && branch.is_of(targets));
                for branch in branches {
                    if branch.is_of(targets) {
                        write_line(branch.head, depth + 1, out);
                        write_line("begin", depth + 2, out);
                        write_statements(&branch.statements, targets, depth + 3, out);
                        write_line("end", depth + 2, out);
                    } else if is_default_of || branch.head == DEFAULT {
                        write_line(&format!("{} ;", branch.head), depth + 1, out);
                    }
                }
                write_line("endcase", depth, out);
            }
        }
    }
}

fn write_line(line: &str, depth: usize, out: &mut String) {
    out.extend(std::iter::repeat_n(INDENT, depth));
    out.push_str(line);
    out.push('\n');
}

impl Statement<'_> {
    /// Whether one of the targets is assigned in it.
    fn is_of(&self, targets: &[&str]) -> bool {
        match self {
            Self::Assignment { target, .. } => targets.contains(target),
            Self::If(branches) | Self::Case { branches, .. } => branches.iter().any(|branch| branch.is_of(targets)),
        }
    }
}

impl Branch<'_> {
    fn is_of(&self, targets: &[&str]) -> bool {
        self.statements.iter().any(|statement| statement.is_of(targets))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The slices of an `always` of these statements.
    fn sliced_body(statements: &str) -> Option<String> {
        let text = format!("// Update code\nalways @(*) begin\n{statements}\nend\nendmodule");
        let lines: Vec<&str> = text.lines().collect();
        let (before, slices, after) =
            slices(&lines, |name| name.starts_with(|c: char| "abcdxyz".contains(c)), |name| name == "d$q")?;
        assert_eq!((before, after), (&["// Update code"][..], &["endmodule"][..]));
        Some(slices)
    }

    /// Compared without regard to indentation.
    fn assert_slices(statements: &str, expected: &str) {
        let plain = |text: &str| text.trim().lines().map(str::trim).collect::<Vec<_>>().join("\n");
        let slices = sliced_body(statements).expect("all of it is RustHDL's");
        assert_eq!(plain(&slices), plain(expected), "\n{slices}");
    }

    #[test]
    fn a_slice_keeps_what_encloses_its_assignments() {
        assert_slices(
            "x = a;
            y = b;
            if (c) begin
                y = x;
                if (d) begin
                    x$part = b;
                end
                else begin
                    z = a;
                end
            end
            else if (a) begin
                y = c;
            end
            else if (b) begin
                z = c;
            end
            else begin
                // Nothing.
            end",
            "always @(*) x = a;
            always @(*) begin
                y = b;
                if (c) begin
                    y = x;
                end
                else if (a) begin
                    y = c;
                end
            end
            always @(*) begin
                if (c) begin
                    if (d) begin
                        x$part = b;
                    end
                end
            end
            always @(*) begin
                if (c) begin
                    if (d) begin
                    end
                    else begin
                        z = a;
                    end
                end
                else if (a) begin
                end
                else if (b) begin
                    z = c;
                end
            end",
        );
    }

    #[test]
    fn labels_that_assign_nothing_are_kept_where_a_default_assigns() {
        assert_slices(
            "case (a)
                State$One:
                    begin
                        x = b;
                    end
                State$Two:
                    begin
                        y = c;
                        case (b)
                            1'h0:
                                begin
                                    x = c;
                                end
                            default:
                                begin
                                end
                        endcase
                    end
                default:
                    begin
                        y = d;
                    end
            endcase",
            "always @(*) begin
                case (a)
                    State$One:
                        begin
                            x = b;
                        end
                    State$Two:
                        begin
                            case (b)
                                1'h0:
                                    begin
                                        x = c;
                                    end
                                default: ;
                            endcase
                        end
                    default: ;
                endcase
            end
            always @(*) begin
                case (a)
                    State$One: ;
                    State$Two:
                        begin
                            y = c;
                        end
                    default:
                        begin
                            y = d;
                        end
                endcase
            end",
        );
    }

    #[test]
    fn a_part_is_assigned_with_its_record() {
        assert_slices(
            "x = a;
            x[(64'h8)+:(8)] = y[(b)+:(8)];
            y[(32'h0)+:(8)] = x[(64'h0)+:(8)] & ~c;
            x$d = b <= c;",
            "always @(*) begin
                x = a;
                x[(64'h8)+:(8)] = y[(b)+:(8)];
                y[(32'h0)+:(8)] = x[(64'h0)+:(8)] & ~c;
            end
            always @(*) x$d = b <= c;",
        );
    }

    #[test]
    fn a_signal_that_is_used_again_shares_a_slice_with_its_readers() {
        // x is one thing for y and another for z; who reads y needs neither.
        assert_slices(
            "x = a;
            x = x << 1;
            y = x;
            y$other = y;
            x = b;
            z = x;
            z$only = b;",
            "always @(*) begin
                x = a;
                x = x << 1;
                y = x;
                x = b;
            end
            always @(*) y$other = y;
            always @(*) z = x;
            always @(*) z$only = b;",
        );
    }

    #[test]
    fn a_condition_is_read_where_it_stands() {
        // Only y is assigned under the first condition; the second sees the final x, and z what it leaves.
        assert_slices(
            "x = a;
            if (x) begin
                y = b;
            end
            if (c) begin
                x = d;
            end
            if (x) begin
                z = b;
            end
            case (z)
                default:
                    begin
                        z = a;
                        x$d = b;
                    end
            endcase",
            "always @(*) begin
                x = a;
                if (x) begin
                    y = b;
                end
                if (c) begin
                    x = d;
                end
            end
            always @(*) begin
                if (x) begin
                    z = b;
                end
                case (z)
                    default:
                        begin
                            z = a;
                            x$d = b;
                        end
                endcase
            end",
        );
    }

    #[test]
    fn constants_go_with_what_is_awake() {
        assert_slices(
            "x = 8'h1;
            y$clock = clock;
            z = 1'b0;
            z$d = a;",
            "always @(*) begin
                x = 8'h1;
                y$clock = clock;
                z = 1'b0;
            end
            always @(*) z$d = a;",
        );
        assert_slices("x = 8'h1;", "always @(*) x = 8'h1;");
    }

    #[test]
    fn what_rusthdl_does_not_write_is_left_alone() {
        for statements in [
            "x = a +\n b;",
            "for (x = 0; x < 3; x = x + 1) y = x;",
            "x <= a;",
            "{x, y} = a;",
            "x = a; y = b;",
            "if (a) x = b;",
            "elsewhere = a;",
            "case (a)\nB:\nbegin\nx = a;\nend\nB:\nbegin\ny = a;\nend\nendcase",
        ] {
            assert_eq!(sliced_body(statements), None, "{statements}");
        }
    }

    #[test]
    fn inputs_of_inner_blocks_that_are_read_early_are_found() {
        let early = |statements: &str| {
            let text = format!(
                "module top(a);\ninput wire a;\nreg sum;\nreg bits$d;\nwire bits$q;\ntop$bits bits(\n.d(bits$d),\n.q(bits$q)\n);\n\
                 // Update code\nalways @(*) begin\n{statements}\nend\nendmodule // top\n"
            );
            inputs_read_early(&text).iter().map(|(module, input)| format!("{module}: {input}")).collect::<Vec<_>>()
        };
        // From itself, behind it an assignment, before any.
        let found = ["top: bits$d"];
        assert_eq!(early("bits$d = bits$q;\nif (a) begin\nbits$d = bits$d & ~sum;\nend"), found);
        assert_eq!(
            early("bits$d = bits$q;\nif (bits$d) begin\nsum = a;\nend\nif (a) begin\nbits$d = 1'b0;\nend"),
            found
        );
        assert_eq!(early("sum = bits$d;\nbits$d = a;"), found);
        // After all assignments; own signals have in both what they were given last; outputs.
        assert_eq!(early("bits$d = bits$q;\nsum = bits$d;\nsum = sum & bits$d;"), [""; 0]);
    }

    #[test]
    fn only_blocks_with_blocks_that_answer_at_once_are_sliced() {
        let text = "module top(a,y);
    input wire  a;
    output reg  y;
    reg inner$a;
    wire inner$y;
    reg state$d;
    wire state$q;
    top$inner inner(
        .a(inner$a),
        .y(inner$y)
    );
    top$state state(
        .d(state$d),
        .q(state$q)
    );
    // Update code
    always @(*) begin
        inner$a = a;
        y = inner$y;
        state$d = state$q;
    end
endmodule // top

module top$inner(a,y);
    input wire  a;
    output reg  y;
    reg state$d;
    wire state$q;
    top$state state(
        .d(state$d),
        .q(state$q)
    );
    // Update code
    always @(*) begin
        state$d = a;
        y = state$q;
    end
endmodule // top$inner

module top$state(d,q);
    input wire  d;
    output reg  q;
    // Update code (custom)
    always @(posedge d) q <= d;
endmodule // top$state
";
        let expected = text.replacen(
            "    always @(*) begin
        inner$a = a;
        y = inner$y;
        state$d = state$q;
    end\n",
            "    always @(*) begin
        inner$a = a;
        state$d = state$q;
    end
    always @(*) y = inner$y;\n",
            1,
        );
        assert_eq!(sliced(text), expected + "\n");
    }
}

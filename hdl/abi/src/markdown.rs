//! The tables of this crate as Markdown, for `hdl/abi/LAYOUT.md` and its freshness check.

use core::fmt::{Result, Write};

use crate::{Field, LAYOUT_HASH, Reason, RecordLayout, VERSION, command, event, format, register};

/// Writes all records, formats, reason codes and registers as one Markdown document.
pub fn write_markdown(out: &mut impl Write) -> Result {
    writeln!(out, "# Records, formats, reason codes and registers\n")?;
    writeln!(out, "Generated from `hdl/abi/src`; `scripts/check --bless` writes it anew.\n")?;
    writeln!(out, "Version {VERSION}, layout hash `{LAYOUT_HASH:#018x}`. All integers little-endian.\n")?;
    write_records(out, "Commands", command::LAYOUTS)?;
    write_records(out, "Events", event::LAYOUTS)?;
    write_formats(out)?;
    write_reasons(out)?;
    write_registers(out)
}

fn write_records(out: &mut impl Write, heading: &str, layouts: &[RecordLayout]) -> Result {
    writeln!(out, "## {heading}\n\nHeader of each:\n")?;
    write_fields(out, layouts[0].header)?;
    for layout in layouts {
        writeln!(out, "### {} ({})\n\n{}\n", layout.name, layout.kind, layout.description.trim())?;
        if !layout.fields.is_empty() {
            write_fields(out, layout.fields)?;
        }
    }
    Ok(())
}

fn write_fields(out: &mut impl Write, fields: &[Field]) -> Result {
    writeln!(out, "| offset | type | field | meaning |\n|---:|---|---|---|")?;
    for field in fields {
        writeln!(out, "| {} | {} | `{}` | {} |", field.offset, field.type_name, field.name, field.description)?;
    }
    writeln!(out)
}

fn write_formats(out: &mut impl Write) -> Result {
    writeln!(
        out,
        "## Formats\n\nOne rounding rule: full-width product, then floor shift. One saturation rule: symmetric clamp with a flag.\n"
    )?;
    writeln!(out, "| quantity | storage | unit | range | why |\n|---|---|---|---|---|")?;
    for f in format::FORMATS {
        writeln!(out, "| {} | {} | {} | {} | {} |", f.name, f.storage, f.unit, f.range, f.why)?;
    }
    writeln!(out)
}

fn write_reasons(out: &mut impl Write) -> Result {
    writeln!(out, "## Reason codes\n\n| code | name | meaning |\n|---:|---|---|")?;
    for reason in Reason::ALL {
        writeln!(out, "| {} | `{}` | {} |", *reason as u8, reason.name(), reason.description())?;
    }
    Ok(())
}

fn write_registers(out: &mut impl Write) -> Result {
    writeln!(
        out,
        "\n## Registers\n\n32 bits each, little-endian; `MAGIC_VALUE` is `{:#010x}`.\n",
        register::MAGIC_VALUE
    )?;
    writeln!(out, "| offset | access | register | meaning |\n|---:|---|---|---|")?;
    for r in register::REGISTERS {
        writeln!(out, "| {:#05x} | {} | `{}` | {} |", r.offset, r.access, r.name, r.description)?;
    }
    writeln!(out, "\n| register | bit | flag | meaning |\n|---|---:|---|---|")?;
    for flag in register::FLAGS {
        let holder = register::REGISTERS.iter().find(|r| r.offset == flag.register).map_or("", |r| r.name);
        writeln!(out, "| `{holder}` | {} | `{}` | {} |", flag.bit, flag.name, flag.description)?;
    }
    writeln!(out, "\n| number | value |\n|---|---:|")?;
    writeln!(out, "| bytes of the BAR | {:#x} |", register::BAR_BYTES)?;
    writeln!(out, "| offset of the command window | {:#x} |", register::WINDOW_OFFSET)?;
    writeln!(out, "| bytes of the command window | {:#x} |", register::WINDOW_BYTES)?;
    writeln!(out, "| `COMMAND_CREDIT` | {} |", register::COMMAND_CREDIT)?;
    writeln!(out, "| largest `ring_size_log2` | {} |", register::RING_SIZE_LOG2_MAX)?;
    for (heading, rules) in register::RULES {
        writeln!(out, "\n### {heading}\n")?;
        for rule in *rules {
            writeln!(out, "* {rule}")?;
        }
    }
    Ok(())
}

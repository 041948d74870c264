//! The tables of this crate as Markdown, for `hdl/abi/LAYOUT.md` and its freshness check.

use core::fmt::{Result, Write};

use crate::{Field, LAYOUT_HASH, Reason, RecordLayout, VERSION, command, event, format};

/// Writes all records, formats and reason codes as one Markdown document.
pub fn write_markdown(out: &mut impl Write) -> Result {
    writeln!(out, "# Records, formats and reason codes\n")?;
    writeln!(out, "Generated from `hdl/abi/src`; `scripts/check --bless` writes it anew.\n")?;
    writeln!(out, "Version {VERSION}, layout hash `{LAYOUT_HASH:#018x}`. All integers little-endian.\n")?;
    write_records(out, "Commands", command::LAYOUTS)?;
    write_records(out, "Events", event::LAYOUTS)?;
    write_formats(out)?;
    write_reasons(out)
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

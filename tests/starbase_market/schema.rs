//! The table of layouts against the official XML, where a field's `id` is its end offset.

use super::*;
use hedgewire_host::deribit::legacy::Layout;
use layout::{GROUP_ENTRIES, HEADERS, MESSAGES, OTHER_VERSIONS};

/// A message, group or composite of the XML: its number and its fields by end offset.
#[derive(Debug, Default)]
struct Block {
    name: String,
    id: u32,
    fields: Vec<(String, usize)>,
}

fn attribute<'a>(line: &'a str, name: &str) -> Option<&'a str> {
    let after = &line[line.find(&format!(" {name}="))?..];
    after.split('"').nth(1)
}

fn number(line: &str) -> u32 {
    attribute(line, "id").and_then(|id| id.trim().parse().ok()).unwrap_or_else(|| panic!("no id in {line}"))
}

/// Every message and group of the XML. Ids of a group's fields count from the group's own.
fn blocks(xml: &str) -> (Vec<Block>, Vec<Block>) {
    let (mut messages, mut groups): (Vec<Block>, Vec<Block>) = Default::default();
    let mut is_in_group = false;
    for line in xml.lines() {
        let name = || attribute(line, "name").unwrap_or_default().to_owned();
        if line.contains("<sbe:message ") {
            messages.push(Block { name: name(), id: number(line), fields: Vec::new() });
        } else if line.contains("<group ") {
            is_in_group = true;
            groups.push(Block { name: name(), id: number(line), fields: Vec::new() });
        } else if line.contains("</group>") {
            is_in_group = false;
        } else if line.contains("<field ") {
            let target = if is_in_group { groups.last_mut() } else { messages.last_mut() };
            let block = target.expect("a field is in something");
            let base = if is_in_group { block.id } else { 0 };
            block.fields.push((name(), (number(line) - base) as usize));
        }
    }
    (messages, groups)
}

/// The names of the table are the XML's in the project's spelling.
fn spelt(name: &str) -> String {
    let name = if name == "kind" { "type" } else { name };
    name.replace('_', "").to_lowercase()
}

#[track_caller]
fn assert_same(layout: &Layout, block: &Block) {
    assert_eq!(layout.name, block.name);
    let ours: Vec<_> =
        layout.fields.iter().map(|field| (spelt(field.name), field.offset_bytes + field.bytes)).collect();
    let theirs: Vec<_> = block.fields.iter().map(|(name, end)| (spelt(name), *end)).collect();
    assert_eq!(ours, theirs, "{}", layout.name);
}

#[test]
fn every_field_ends_where_the_official_xml_says() {
    let Some(xml) = shared_file("schemas/Deribit.Starbase.MarketDataApi.v1.2026-08-07.xml") else { return };
    let xml = String::from_utf8(xml).expect("the XML is UTF-8");
    let (messages, groups) = blocks(&xml);
    // Template 1 is there for parsers alone, and stands for the message header.
    let (dummy, messages): (Vec<_>, Vec<_>) = messages.into_iter().partition(|block| block.id == 1);
    assert_eq!(dummy[0].fields, [("mdMsgHdr".to_owned(), layout::MESSAGE_HEADER.block_bytes)]);
    assert_eq!(messages.len(), MESSAGES.len());
    for (layout, block) in MESSAGES.iter().zip(&messages) {
        assert_eq!(u32::from(layout.template), block.id);
        assert_same(layout, block);
    }
    assert_eq!(groups.len(), GROUP_ENTRIES.len());
    for (layout, block) in GROUP_ENTRIES.iter().zip(&groups) {
        assert_same(layout, block);
    }
    for header in HEADERS {
        assert_header(header, &xml);
    }
}

/// The headers are composites of the XML, whose members have types and no offsets.
#[track_caller]
fn assert_header(layout: &Layout, xml: &str) {
    let start = xml.find(&format!("<composite name=\"{}\"", layout.name)).expect("the header is in the XML");
    let text = &xml[start..start + xml[start..].find("</composite>").expect("it ends")];
    let bytes = |line: &str| match attribute(line, "primitiveType").or_else(|| attribute(line, "encodingType"))? {
        "int64" => Some(8),
        "int32" => Some(4),
        "uint16" => Some(2),
        other => panic!("{other}"),
    };
    let members: Vec<_> =
        text.lines().filter_map(|line| Some((spelt(attribute(line, "name")?), bytes(line)?))).collect();
    let ours: Vec<_> = layout.fields.iter().map(|field| (spelt(field.name), field.bytes)).collect();
    assert_eq!(ours, members, "{}", layout.name);
}

#[test]
fn lengths_of_other_versions_are_those_that_were_seen() {
    let known: Vec<_> = OTHER_VERSIONS.iter().map(|layout| (layout.template, layout.block_bytes)).collect();
    // Version 0: the golden packet, and the same on the other side. Version 2: the venue's notice.
    assert_eq!(known, [(20, 32), (21, 32), (33, 88)]);
}

//! The table against the venue's XML, and against bytes of the venue.

use std::collections::BTreeMap;

use super::peer::received;
use super::shared_file;
use hedgewire_host::deribit::starbase::orders::{
    Block, Decimal72, ENUMERATIONS, Encoder, Header, HeaderFlags, LAYOUTS, Layout, Message, NewOrderRequest,
    OrderFlags, Price9, SelfTradingMode, Side, Wire,
};

const SCHEMA: &str = "schemas/Deribit.Starbase.OrdersApi.v15.2026-08-28.xml";
const GOLDEN: &str = "starbase/deribit_starbase_golden_neworder_v1.bin";

/// A venue's own NewOrderRequest, 95 bytes: seq 226813, 500 contracts' worth at 0.812, post only.
const GOLDEN_HEX: &str = "db 00 5f 00 64 00 01 00 fd 75 03 00 00 00 00 00 b1 f8 02 00 00 00 00 00 \
    38 5a 0a 9f d4 13 a5 18 3c ab 3f 68 00 00 00 00 8a f5 02 00 00 00 00 00 42 a5 08 00 00 00 00 00 \
    00 23 66 30 00 00 00 00 00 88 52 6a 74 00 00 00 f7 00 00 00 00 00 00 00 80 00 00 00 00 00 00 00 \
    00 80 01 00 06 00 00";

fn golden() -> Vec<u8> {
    GOLDEN_HEX.split_whitespace().map(|byte| u8::from_str_radix(byte, 16).expect("two hex digits")).collect()
}

fn golden_order() -> NewOrderRequest {
    NewOrderRequest {
        client_order_id: 1_749_003_068,
        correlation_id: 193_930,
        instrument_id: 566_594,
        price: Price9(812_000_000),
        quantity: Decimal72 { mantissa: 500_000_000_000, exponent: -9 },
        show_qty: Decimal72::NULL,
        self_match_prevention_id: i64::NULL,
        side: Side::Buy,
        time_in_force: 0,
        flags: OrderFlags::POST_ONLY.with(OrderFlags::POST_ONLY_REJECT),
        self_trading_mode: SelfTradingMode::CancelTaker,
    }
}

#[test]
fn the_golden_order_is_written_byte_for_byte() {
    let header = Header {
        flags: HeaderFlags::default(),
        message_bytes: 0,
        template: 0,
        version: 1,
        seq: 226_813,
        last_processed_seq: 194_737,
        send_time_ns: i64::from_le_bytes([0x38, 0x5a, 0x0a, 0x9f, 0xd4, 0x13, 0xa5, 0x18]),
    };
    let mut out = vec![];
    Encoder::new(&mut out, header, &golden_order()).finish(false).expect("it fits");
    assert_eq!(out, golden());
    Encoder::new(&mut out, header, &golden_order()).finish(true).expect("it fits");
    assert_eq!((out.len(), &out[95..190], out[190]), (95 + 96, &golden()[..], 0), "padded to 8 bytes from its start");
}

#[test]
fn the_golden_order_is_read() {
    let bytes = golden();
    let golden = &received(&bytes)[0];
    assert_eq!((golden.template, golden.version, golden.seq, golden.last_processed), (100, 1, 226_813, 194_737));
    let message = Message::decode(golden.template, golden.version, &golden.body).expect("it is well formed");
    let Message::NewOrderRequest(order) = message else { panic!("{message:?}") };
    assert_eq!(*order, golden_order());
    if let Some(path) = shared_file(GOLDEN) {
        assert_eq!(std::fs::read(path).expect("the file can be read"), bytes);
    }
}

/// A tag of the XML with its attributes.
#[derive(Debug, Default)]
struct Tag {
    name: String,
    attributes: BTreeMap<String, String>,
    /// What stands behind it, up to the next tag.
    text: String,
}

impl Tag {
    fn get(&self, key: &str) -> &str {
        self.attributes.get(key).map_or("", String::as_str)
    }
}

/// Tags in order, without comments: as much XML as the schema has.
fn tags(xml: &str) -> Vec<Tag> {
    let mut tags = vec![];
    for part in xml.split('<').skip(1) {
        if part.starts_with("!--") || part.starts_with('?') {
            continue;
        }
        // A value may hold the sign that ends a tag.
        let mut is_quoted = false;
        let end = part.find(|sign| {
            is_quoted ^= sign == '"';
            sign == '>' && !is_quoted
        });
        let (tag, text) = part.split_at(end.expect("a tag ends"));
        let text = &text[1..];
        let name = tag.split([' ', '\n', '/']).find(|name| !name.is_empty()).unwrap_or_default();
        let mut attributes = BTreeMap::new();
        let mut rest = tag;
        while let Some((before, after)) = rest.split_once("=\"") {
            let key = before.rsplit(char::is_whitespace).next().unwrap_or_default();
            let (value, after) = after.split_once('"').expect("a value ends");
            attributes.insert(key.to_owned(), value.to_owned());
            rest = after;
        }
        let name = if tag.starts_with('/') { format!("/{name}") } else { name.to_owned() };
        tags.push(Tag { name, attributes, text: text.trim().to_owned() });
    }
    tags
}

fn sizes(tags: &[Tag]) -> BTreeMap<String, usize> {
    let mut sizes: BTreeMap<String, usize> = [("int8", 1), ("uint8", 1), ("char", 1), ("uint16", 2), ("int32", 4)]
        .into_iter()
        .chain([("int64", 8), ("double", 8), ("Price9", 8), ("Decimal72", 9)])
        .map(|(name, bytes)| (name.to_owned(), bytes))
        .collect();
    for tag in tags {
        let bytes = match tag.name.as_str() {
            "type" => sizes.get(tag.get("primitiveType")).map(|bytes| bytes * tag.get("length").parse().unwrap_or(1)),
            "enum" | "set" => sizes.get(tag.get("encodingType")).copied(),
            _ => None,
        };
        if let Some(bytes) = bytes {
            sizes.entry(tag.get("name").to_owned()).or_insert(bytes);
        }
    }
    sizes
}

/// Compares fields from `tags` on with a layout; returns how many there are.
fn compare_fields(layout: &Layout, tags: &[Tag], sizes: &BTreeMap<String, usize>, base: usize) -> usize {
    let fields: Vec<&Tag> = tags.iter().take_while(|tag| tag.name == "field").collect();
    assert_eq!(fields.len(), layout.fields.len(), "fields of {}", layout.name);
    for (tag, field) in fields.iter().zip(layout.fields) {
        let what = format!("{}.{}", layout.name, field.name);
        assert_eq!(tag.get("name"), field.name, "{what}");
        let end: usize = tag.get("id").trim().parse().expect("a number");
        assert_eq!(end - base, field.offset_bytes + field.bytes, "{what}: its id is its end");
        assert_eq!(sizes[tag.get("type")], field.bytes, "{what}: size of {}", tag.get("type"));
        assert_eq!(tag.get("sinceVersion").parse().unwrap_or(0), field.since, "{what}");
    }
    fields.len()
}

#[test]
fn the_table_is_the_venues_schema() {
    let Some(path) = shared_file(SCHEMA) else { return };
    let xml = std::fs::read_to_string(path).expect("the schema can be read");
    let tags = tags(&xml.replace("= \"", "=\""));
    let sizes = sizes(&tags);
    let mut layouts = LAYOUTS.iter();
    let mut fields = 0;
    for (index, tag) in tags.iter().enumerate().filter(|(_, tag)| tag.name == "sbe:message") {
        if tag.get("name") == "DummyMessage" {
            continue;
        }
        let layout = layouts.next().expect("a layout for each message");
        assert_eq!((tag.get("name"), tag.get("id")), (layout.name, layout.template.to_string().as_str()));
        let end = tags[index..].iter().position(|tag| tag.name == "/sbe:message").expect("a message ends");
        let body: Vec<&Tag> = tags[index + 1..index + end].iter().collect();
        fields += compare_fields(layout, &tags[index + 1..], &sizes, 0);
        let groups: Vec<usize> = (0..body.len()).filter(|at| body[*at].name == "group").collect();
        assert_eq!(groups.len(), layout.groups.len(), "groups of {}", layout.name);
        for (at, (name, entry)) in groups.iter().zip(layout.groups) {
            assert_eq!(body[*at].get("name"), *name);
            let base = body[*at].get("id").parse().expect("a number");
            fields += compare_fields(entry, &tags[index + 2 + at..], &sizes, base);
        }
        let text = body.iter().find(|tag| tag.name == "data").map(|tag| tag.get("name"));
        assert_eq!(text, layout.text, "text of {}", layout.name);
    }
    assert_eq!(layouts.next(), None, "no message beside the schema's");
    assert!(fields > 250, "only {fields} fields were compared");
    compare_enumerations(&tags);
}

fn compare_enumerations(tags: &[Tag]) {
    let mut compared = 0;
    for (index, tag) in tags.iter().enumerate().filter(|(_, tag)| tag.name == "enum") {
        let values = tags[index + 1..].iter().take_while(|tag| tag.name.ends_with("validValue"));
        let values: Vec<(&str, i8)> = values
            .filter(|tag| tag.name == "validValue")
            .map(|tag| (tag.get("name"), tag.text.parse().expect("a number")))
            .collect();
        let ours = ENUMERATIONS.iter().find(|(name, _)| *name == tag.get("name"));
        assert_eq!(ours.map(|(_, values)| *values), Some(&values[..]), "{}", tag.get("name"));
        compared += 1;
    }
    assert_eq!(compared, ENUMERATIONS.len());
}

#[test]
fn an_older_block_is_shorter_and_its_later_fields_are_null() {
    let placed = hedgewire_host::deribit::starbase::orders::OrderPlaced::LAYOUT;
    assert_eq!((placed.block_bytes_in(7), placed.block_bytes_in(8), placed.block_bytes_in(15)), (77, 88, 88));
    let mut body = vec![1; 77];
    body.extend([25, 0, 0, 0, 34, 0, 0, 0]);
    let Ok(Message::OrderPlaced(old)) = Message::decode(312, 7, &body) else { panic!("an old message is read") };
    assert_eq!((old.correlation_id, old.order_id), (i64::NULL, 0x0101_0101_0101_0101));
    assert!(Message::decode(312, 8, &body).is_err(), "the same bytes are too short for a later version");
    assert!(Message::decode(312, 16, &[0; 200]).is_err(), "where the groups of a newer version begin is not known");
    let newer = Message::decode(10, 16, &[0; 40]);
    assert!(matches!(newer, Ok(Message::Heartbeat(_))), "a newer message without groups is read as far as it is known");
}

//! Bills of a few events, and of lines that are none.

use super::*;

/// One, two and a version of a model without a price; one event is told twice.
const EVENTS: &str = concat!(
    r#"{"event_id":"1","time":"2026-01-01T00:59:59Z","at":0,"subscription":"one","model":"gpt-4o-2024-11-20","prompt_tokens":30,"completion_tokens":29,"total_tokens":59,"estimated":false,"status":200,"streamed":false,"aborted":false,"duration_ms":12,"attempts":1}"#,
    "\n",
    r#"{"event_id":"2","time":"2026-01-01T01:00:00Z","at":1,"subscription":"one","model":"gpt-4o-2024-11-20","prompt_tokens":1,"completion_tokens":0,"total_tokens":1,"estimated":true,"status":200,"streamed":true,"aborted":true,"duration_ms":12,"attempts":2}"#,
    "\n\n",
    r#"{"event_id":"2","time":"2026-01-01T01:00:00Z","at":1,"subscription":"one","model":"gpt-4o-2024-11-20","prompt_tokens":1,"completion_tokens":0,"total_tokens":1,"estimated":true,"status":200,"streamed":true,"aborted":true,"duration_ms":12,"attempts":2}"#,
    "\n",
    r#"{"event_id":"3","time":"2026-02-01T00:00:00.5Z","at":2,"subscription":"two, \"too\"","model":"our-own","prompt_tokens":7,"completion_tokens":3,"total_tokens":10,"estimated":false,"status":200,"streamed":false,"aborted":false,"duration_ms":12,"attempts":1}"#,
    "\n",
);

const PRICES: &str = "currency = \"USD\"\n\
    models.gpt-4o = { prompt_per_million = 2.5, completion_per_million = 10.0 }\n";

fn bill(by: &[By], per: Option<Per>, lines: &str) -> Bill {
    let prices = Prices::parse("prices.toml", PRICES).unwrap();
    let mut bill = Bill::new(by, per, Some(prices));
    bill.read(lines.as_bytes()).unwrap();
    bill
}

fn printed(bill: &Bill, format: Format) -> String {
    let mut out = Vec::new();
    bill.print(format, &mut out).unwrap();
    String::from_utf8(out).unwrap()
}

#[test]
fn a_bill_is_a_table_whose_last_row_is_the_total() {
    let bill = bill(&[By::Subscription, By::Model], Some(Per::Hour), EVENTS);
    insta::assert_snapshot!(printed(&bill, Format::Text), @r#"
    hour            subscription  model              requests  estimated  prompt tokens  completion tokens  total tokens  unpriced tokens   cost USD
    2026-01-01T00Z  one           gpt-4o-2024-11-20         1          0             30                 29            59                0  0.0003650
    2026-01-01T01Z  one           gpt-4o-2024-11-20         1          1              1                  0             1                0  0.0000025
    2026-02-01T00Z  two, "too"    our-own                   1          0              7                  3            10               10   unpriced
    total                                                   3          1             38                 32            70               10  0.0003675
    "#);
    insta::assert_snapshot!(bill.remarks().join("\n"), @r"
    events told more than once, counted once: 1
    no price for model `our-own`: the cost lacks its 10 tokens
    ");
}

#[test]
fn a_bill_is_for_programs_too() {
    let bill = bill(&[By::Subscription], Some(Per::Month), EVENTS);
    insta::assert_snapshot!(printed(&bill, Format::Csv), @r#"
    month,subscription,requests,estimated,prompt_tokens,completion_tokens,total_tokens,unpriced_tokens,cost
    2026-01,one,2,1,31,29,60,0,0.0003675
    2026-02,"two, ""too""",1,0,7,3,10,10,
    total,,3,1,38,32,70,10,0.0003675
    "#);
    insta::assert_snapshot!(printed(&bill, Format::Json), @r#"
    {
      "currency": "USD",
      "rows": [
        {
          "month": "2026-01",
          "subscription": "one",
          "requests": 2,
          "estimated": 1,
          "prompt_tokens": 31,
          "completion_tokens": 29,
          "total_tokens": 60,
          "unpriced_tokens": 0,
          "cost": "0.0003675"
        },
        {
          "month": "2026-02",
          "subscription": "two, \"too\"",
          "requests": 1,
          "estimated": 0,
          "prompt_tokens": 7,
          "completion_tokens": 3,
          "total_tokens": 10,
          "unpriced_tokens": 10,
          "cost": null
        }
      ],
      "total": {
        "requests": 3,
        "estimated": 1,
        "prompt_tokens": 38,
        "completion_tokens": 32,
        "total_tokens": 70,
        "unpriced_tokens": 10,
        "cost": "0.0003675"
      },
      "remarks": [
        "events told more than once, counted once: 1",
        "no price for model `our-own`: the cost lacks its 10 tokens"
      ]
    }
    "#);
}

#[test]
fn without_prices_nothing_is_said_of_cost() {
    let mut bill = Bill::new(&[By::Product], None, None);
    bill.read(EVENTS.as_bytes()).unwrap();
    insta::assert_snapshot!(printed(&bill, Format::Text), @r"
    product  requests  estimated  prompt tokens  completion tokens  total tokens
    N/A             3          1             38                 32            70
    total           3          1             38                 32            70
    ");
}

#[test]
fn lines_that_are_no_events_are_named_and_the_rest_is_used() {
    let lines = format!(
        "not json\n{EVENTS}{{\"event_id\":\"9\"}}\n{}\n{}",
        EVENTS
            .lines()
            .next()
            .unwrap()
            .replace("59,\"est", "99000000,\"est"),
        &EVENTS[..100],
    );
    let bill = bill(&[By::Subscription], None, &lines);
    assert_eq!(bill.total().total_tokens, 59 + 1 + 10);
    insta::assert_snapshot!(bill.remarks().join("\n"), @r"
    line 1: expected ident, column 2
    line 7: missing field `time`, column 16
    line 8: expected at most 10000000 tokens of a kind
    line 9: EOF while parsing a string, column 100
    4 lines are no usage events and are left out
    events told more than once, counted once: 1
    no price for model `our-own`: the cost lacks its 10 tokens
    ");
}

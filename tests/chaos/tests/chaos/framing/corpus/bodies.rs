//! Messages with bodies, and whole conversations.

use super::{Family, NO, NOT_SO, NOT_SO_LAST, OK, OK_LAST, READ, READ_LAST, Verdict};

/// Where a body has an end, and where it could be made to have two.
pub const FAMILIES: [Family; 6] = [LENGTHS, ENCODINGS, CHUNKS, MESSAGES, SMUGGLED, SMUGGLED_IN_A_CHUNK];

/// The header fields that announce `{}`.
const LENGTHS: Family = Family {
    name: "length",
    before: "POST /rws/api/v1/customers HTTP/1.1\r\nHost: x\r\nX-Request-Id: a\r\nLOGIN\r\n",
    after: "\r\n{}",
    rows: &[
        ("a number", b"Content-Length: 2\r\n", READ),
        ("in small letters", b"content-length: 2\r\n", READ),
        ("spaces and tabs around it", b"Content-Length: \t 2 \t\r\n", READ),
        ("zeros before it", b"Content-Length: 0002\r\n", READ),
        ("the same twice", b"Content-Length: 2\r\nContent-Length: 2\r\n", READ),
        ("a plus", b"Content-Length: +2\r\n", NO),
        ("a minus", b"Content-Length: -2\r\n", NO),
        ("nothing", b"Content-Length:\r\n", NO),
        ("a word", b"Content-Length: two\r\n", NO),
        ("a list", b"Content-Length: 2, 2\r\n", NO),
        ("a list of two numbers", b"Content-Length: 2, 3\r\n", NO),
        ("a list with an empty end", b"Content-Length: 2,\r\n", NO),
        ("two numbers", b"Content-Length: 2 2\r\n", NO),
        ("two numbers on two lines", b"Content-Length: 2\r\nContent-Length: 0\r\n", NO),
        ("a number and a word on two lines", b"Content-Length: 2\r\nContent-Length: two\r\n", NO),
        ("hexadecimal", b"Content-Length: 0x2\r\n", NO),
        ("a fraction", b"Content-Length: 2.0\r\n", NO),
        ("an exponent", b"Content-Length: 2e0\r\n", NO),
        ("an underscore", b"Content-Length: 0_2\r\n", NO),
        ("a quoted number", b"Content-Length: \"2\"\r\n", NO),
        ("a parameter", b"Content-Length: 2;a=b\r\n", NO),
        ("digits of another script", b"Content-Length: \xd9\xa2\r\n", NO),
        ("a vertical tab before it", b"Content-Length: \x0b2\r\n", NO),
        ("beyond 64 bits", b"Content-Length: 18446744073709551618\r\n", NO),
        ("beyond counting", b"Content-Length: 99999999999999999999999999999999\r\n", NO),
        ("a space before the colon", b"Content-Length : 2\r\n", NO),
        ("folded", b"Content-Length:\r\n 2\r\n", NO),
    ],
};

/// The header fields that announce `{}` in one chunk.
const ENCODINGS: Family = Family {
    name: "encoding",
    before: "POST /rws/api/v1/customers HTTP/1.1\r\nHost: x\r\nX-Request-Id: a\r\nLOGIN\r\n",
    after: "\r\n2\r\n{}\r\n0\r\n\r\n",
    rows: &[
        ("chunked", b"Transfer-Encoding: chunked\r\n", READ),
        ("in other letters", b"transfer-ENCODING: Chunked\r\n", READ),
        ("spaces and tabs around it", b"Transfer-Encoding: \t chunked \t\r\n", READ),
        // The standard's other choice would be to refuse it; what it demands is that the connection ends.
        ("a length before it", b"Content-Length: 2\r\nTransfer-Encoding: chunked\r\n", READ_LAST),
        ("a length after it", b"Transfer-Encoding: chunked\r\nContent-Length: 2\r\n", READ_LAST),
        ("a bad length after it", b"Transfer-Encoding: chunked\r\nContent-Length: two\r\n", READ_LAST),
        ("a bad length before it", b"Content-Length: two\r\nTransfer-Encoding: chunked\r\n", NO),
        ("nothing", b"Transfer-Encoding:\r\n", NO),
        ("another one", b"Transfer-Encoding: gzip\r\n", NO),
        ("identity", b"Transfer-Encoding: identity\r\n", NO),
        ("a letter too many before it", b"Transfer-Encoding: xchunked\r\n", NO),
        ("a letter too many after it", b"Transfer-Encoding: chunkedx\r\n", NO),
        ("a space in it", b"Transfer-Encoding: chun ked\r\n", NO),
        ("quoted", b"Transfer-Encoding: \"chunked\"\r\n", NO),
        ("a parameter", b"Transfer-Encoding: chunked;a=b\r\n", NO),
        ("another one before it", b"Transfer-Encoding: gzip, chunked\r\n", NO),
        ("identity before it", b"Transfer-Encoding: identity, chunked\r\n", NO),
        ("identity after it", b"Transfer-Encoding: chunked, identity\r\n", NO),
        ("another one after it", b"Transfer-Encoding: chunked, gzip\r\n", NO),
        ("twice", b"Transfer-Encoding: chunked, chunked\r\n", NO),
        ("twice on two lines", b"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n", NO),
        ("another one on the line before", b"Transfer-Encoding: gzip\r\nTransfer-Encoding: chunked\r\n", NO),
        ("another one on the line after", b"Transfer-Encoding: chunked\r\nTransfer-Encoding: x\r\n", NO),
        ("an empty one before it", b"Transfer-Encoding: , chunked\r\n", NO),
        ("an empty one after it", b"Transfer-Encoding: chunked,\r\n", NO),
        ("a vertical tab before it", b"Transfer-Encoding: \x0bchunked\r\n", NO),
        ("a NUL before it", b"Transfer-Encoding: \0chunked\r\n", NO),
        ("a space before the colon", b"Transfer-Encoding : chunked\r\n", NO),
        ("folded", b"Transfer-Encoding:\r\n chunked\r\n", NO),
    ],
};

/// A body in chunks; those that are right hold `{}`.
const CHUNKS: Family = Family {
    name: "chunks",
    before: "POST /rws/api/v1/customers HTTP/1.1\r\nHost: x\r\nX-Request-Id: a\r\nLOGIN\r\nTransfer-Encoding: chunked\r\n\r\n",
    after: "",
    rows: &[
        ("one", b"2\r\n{}\r\n0\r\n\r\n", READ),
        ("two", b"1\r\n{\r\n1\r\n}\r\n0\r\n\r\n", READ),
        ("zeros before the size", b"00000002\r\n{}\r\n0\r\n\r\n", READ),
        ("a size in capitals", b"A\r\n{        }\r\n0\r\n\r\n", READ),
        ("a size in small letters", b"a\r\n{        }\r\n0\r\n\r\n", READ),
        ("many zeros at the end", b"2\r\n{}\r\n0000\r\n\r\n", READ),
        ("an extension", b"2;a\r\n{}\r\n0;b=c\r\n\r\n", READ),
        ("a quoted extension", b"2;a=\"b;c\"\r\n{}\r\n0\r\n\r\n", READ),
        ("a space before an extension", b"2 ;a\r\n{}\r\n0\r\n\r\n", READ),
        ("a space after the size", b"2 \r\n{}\r\n0\r\n\r\n", READ),
        // hyper lets trailers end in other ways than the standard does; with the connection it cannot matter.
        ("a trailer", b"2\r\n{}\r\n0\r\nA: b\r\n\r\n", READ_LAST),
        ("trailers that would matter in a header", b"2\r\n{}\r\n0\r\nHost: y\r\nContent-Length: 9\r\n\r\n", READ_LAST),
        ("a minus", b"-2\r\n{}\r\n0\r\n\r\n", NO),
        ("a plus", b"+2\r\n{}\r\n0\r\n\r\n", NO),
        ("a prefix", b"0x2\r\n{}\r\n0\r\n\r\n", NO),
        ("an underscore", b"0_2\r\n{}\r\n0\r\n\r\n", NO),
        ("a letter that is no digit", b"2g\r\n{}\r\n0\r\n\r\n", NO),
        ("no size", b"\r\n{}\r\n0\r\n\r\n", NO),
        ("only an extension", b";a\r\n{}\r\n0\r\n\r\n", NO),
        ("a space before the size", b" 2\r\n{}\r\n0\r\n\r\n", NO),
        ("two sizes", b"2 2\r\n{}\r\n0\r\n\r\n", NO),
        ("a fraction", b"2.0\r\n{}\r\n0\r\n\r\n", NO),
        ("beyond 64 bits", b"10000000000000002\r\n{}\r\n0\r\n\r\n", NO),
        ("beyond counting", b"fffffffffffffffffffffffff\r\n{}\r\n0\r\n\r\n", NO),
        ("a bare line feed after the size", b"2\n{}\r\n0\r\n\r\n", NO),
        ("a bare carriage return after the size", b"2\r{}\r\n0\r\n\r\n", NO),
        ("a carriage return too many after the size", b"2\r\r\n{}\r\n0\r\n\r\n", NO),
        ("a NUL after the size", b"2\0\r\n{}\r\n0\r\n\r\n", NO),
        ("a bare line feed in an extension", b"2;a\n{}\r\n0\r\n\r\n", NO),
        ("a bare carriage return in an extension", b"2;a\rb\r\n{}\r\n0\r\n\r\n", NO),
        ("a bare line feed after a chunk", b"2\r\n{}\n0\r\n\r\n", NO),
        ("nothing after a chunk", b"2\r\n{}0\r\n\r\n", NO),
        ("a chunk longer than it says", b"1\r\n{}\r\n0\r\n\r\n", NO),
        ("a bare line feed after the last size", b"2\r\n{}\r\n0\n\r\n", NO),
        ("a bare line feed at the end", b"2\r\n{}\r\n0\r\n\n\r\n\r\n", READ_LAST),
        ("a bare carriage return in a trailer", b"2\r\n{}\r\n0\r\nA: b\rC: d\r\n\r\n", NO),
        ("a trailer without a colon", b"2\r\n{}\r\n0\r\nA\r\n\r\n", NO),
        ("a space before a trailer's colon", b"2\r\n{}\r\n0\r\nA : b\r\n\r\n", NO),
        ("a NUL in a trailer", b"2\r\n{}\r\n0\r\nA: b\0\r\n\r\n", NO),
    ],
};

/// Whole messages.
const MESSAGES: Family = Family {
    name: "message",
    before: "",
    after: "",
    rows: &[
        (
            "a body that nobody expects",
            b"GET /health/live HTTP/1.1\r\nHost: x\r\nX-Request-Id: a\r\nContent-Length: 3\r\n\r\nabc",
            OK,
        ),
        (
            "a wish to close",
            b"GET /health/live HTTP/1.1\r\nHost: x\r\nX-Request-Id: a\r\nConnection: close\r\n\r\n",
            OK_LAST,
        ),
        (
            "a wish to close among others",
            b"GET /health/live HTTP/1.1\r\nHost: x\r\nX-Request-Id: a\r\nConnection: keep-alive, Close\r\n\r\n",
            OK_LAST,
        ),
        (
            "a wish for another protocol",
            b"GET /health/live HTTP/1.1\r\nHost: x\r\nX-Request-Id: a\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n",
            OK,
        ),
        ("the old version without a host", b"GET /health/live HTTP/1.0\r\nX-Request-Id: a\r\n\r\n", OK_LAST),
        (
            "the old version that stays",
            b"GET /health/live HTTP/1.0\r\nX-Request-Id: a\r\nConnection: keep-alive\r\n\r\n",
            OK,
        ),
        ("the old version in chunks", b"POST /health/live HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", NO),
        ("the old version with two hosts", b"GET /health/live HTTP/1.0\r\nHost: x\r\nHost: y\r\n\r\n", NO),
        ("words", b"hello there\r\n\r\n", NO),
        ("JSON", b"{\"name\":\"a\"}\r\n\r\n", NO),
        ("an answer", b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", NO),
        ("NULs", b"\0\0\0\0\r\n\r\n", NO),
        ("the start of TLS", b"\x16\x03\x01\x00\xa5\x01\x00\x00\xa1\x03\x03\r\n\r\n", NO),
        ("the preface of HTTP/2", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", Verdict::Closed),
        (
            "the line of a proxy",
            b"PROXY TCP4 192.0.2.1 192.0.2.2 1 2\r\nGET /health/live HTTP/1.1\r\nHost: x\r\n\r\n",
            NO,
        ),
    ],
};

/// A request of 59 bytes within a message; nobody may take it for one of its own.
const SMUGGLED: Family = Family {
    name: "smuggled",
    before: "POST /health/live HTTP/1.1\r\nHost: x\r\nX-Request-Id: a\r\n",
    after: "GET /smuggled HTTP/1.1\r\nHost: x\r\nX-Request-Id: smuggled\r\n\r\n",
    rows: &[
        ("in a body", b"Content-Length: 59\r\n\r\n", NOT_SO),
        ("in a body that waits to be asked for", b"Expect: 100-continue\r\nContent-Length: 59\r\n\r\n", NOT_SO),
        ("behind two lengths", b"Content-Length: 0\r\nContent-Length: 59\r\n\r\n", NO),
        ("behind the last chunk", b"Content-Length: 64\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", NOT_SO_LAST),
        (
            "behind a bare line feed",
            b"Content-Length: 64\r\nA: b\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
            NOT_SO_LAST,
        ),
        ("behind a bare return", b"Content-Length: 64\r\nA: b\rTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", NO),
        ("behind a space", b"Content-Length: 64\r\nTransfer-Encoding : chunked\r\n\r\n0\r\n\r\n", NO),
        ("behind a fold", b"Content-Length: 64\r\nA: b\r\n Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n", NO),
        ("behind an underscore", b"Content-Length: 64\r\nTransfer_Encoding: chunked\r\n\r\n0\r\n\r\n", NOT_SO),
        ("behind another encoding", b"Content-Length: 64\r\nTransfer-Encoding: xchunked\r\n\r\n0\r\n\r\n", NO),
        ("behind identity", b"Content-Length: 64\r\nTransfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n", NO),
    ],
};

/// The same within a chunk.
const SMUGGLED_IN_A_CHUNK: Family = Family {
    name: "smuggled in a chunk",
    before: "POST /health/live HTTP/1.1\r\nHost: x\r\nX-Request-Id: a\r\nTransfer-Encoding: chunked\r\n",
    after: "GET /smuggled HTTP/1.1\r\nHost: x\r\nX-Request-Id: smuggled\r\n\r\n\r\n0\r\n\r\n",
    rows: &[
        ("as it should be", b"\r\n3b\r\n", NOT_SO),
        ("with a length that ends before it", b"Content-Length: 4\r\n\r\n3b\r\n", NOT_SO_LAST),
        ("with a size that is too large", b"\r\n1000000000000003b\r\n", NO),
        ("with an extension that has a second line", b"\r\n3b;\nx\r\n", NO),
        ("with a size that has a second line", b"\r\n3b\n0\r\n", NO),
    ],
};

#include "util/text.h"

#include <doctest/doctest.h>

using namespace numadrift;

TEST_CASE("hostile bytes become visible text, good text stays") {
    CHECK(printable("plain-name_1") == "plain-name_1");
    CHECK(printable("\x1b[2J") == "\\x1b[2J");
    CHECK(printable("a\tb\n") == "a\\x09b\\x0a");
    CHECK(printable("gr\xc3\xbc\xc3\x9f") == "gr\xc3\xbc\xc3\x9f");
    CHECK(printable("\xc3") == "\\xc3");
    CHECK(printable("\xc0\xaf") == "\\xc0\\xaf"); // overlong
    CHECK(printable("\xc2\x9b"
                    "31m") == "\\xc2\\x9b31m");            // C1: a terminal obeys it
    CHECK(printable("\xed\xa0\x80") == "\\xed\\xa0\\x80"); // surrogate
    CHECK(printable("\xf0\x9f\x98\x80") == "\xf0\x9f\x98\x80");
}

TEST_CASE("durations, sizes, counts and shares for people") {
    CHECK(duration_text(950) == "950 ns");
    CHECK(duration_text(12'300'000) == "12.3 ms");
    CHECK(duration_text(4.21e9) == "4.21 s");
    CHECK(duration_text(200e9) == "3 min 20 s");
    CHECK(size_text(12) == "12 B");
    CHECK(size_text(3481) == "3.4 KiB");
    CHECK(count_text(0) == "0");
    CHECK(count_text(999) == "999");
    CHECK(count_text(1234567) == "1,234,567");
    CHECK(share_text(0.83) == "83 %");
    CHECK(share_text(0.996) == "99.6 %");
}

TEST_CASE("what is to be pasted into a shell is one word there, whatever it holds") {
    CHECK(shell_word("/tmp/db-1.ndt") == "/tmp/db-1.ndt");
    CHECK(shell_word("a b.ndt") == "'a b.ndt'");
    CHECK(shell_word("x;reboot") == "'x;reboot'");
    CHECK(shell_word("$(id)") == "'$(id)'");
    CHECK(shell_word("it's") == "'it'\\''s'");
    CHECK(shell_word("") == "''");
}

TEST_CASE("a long text is shortened in its middle, never within a letter") {
    CHECK(shortened("postgres", 8) == "postgres");
    CHECK(shortened("postgres: writer", 11) == "post…iter");
    const std::string letters = "ääääääää"; // 16 bytes
    for (std::size_t most = 0; most < letters.size(); ++most) {
        const std::string shown = shortened(letters, most);
        CHECK(printable(shown) == shown);
        CHECK(shown.size() <= std::max<std::size_t>(most, std::string("…").size()));
    }
}

#include "util/duration.h"

#include <doctest/doctest.h>

using namespace numadrift;
using namespace std::chrono_literals;

TEST_CASE("durations as people and systemd write them") {
    CHECK(*parse_duration("60") == 60s);
    CHECK(*parse_duration("1.5m") == 90s);
    CHECK(*parse_duration("500ms") == 500ms);
    CHECK(*parse_duration("250us") == 250us);
    CHECK(*parse_duration("1min") == 60s);
    CHECK(*parse_duration("1h30m") == 90min);
    CHECK(*parse_duration(" 1 hour 2 min 3 s ") == 1h + 2min + 3s);
    CHECK(*parse_duration("1d") == 24h);
    CHECK(*parse_duration("2 days") == 48h);
}

TEST_CASE("what is no duration is refused, and shown as text") {
    for (const char* text :
         {"", " ", "0", "0s", "-1s", "1h-5m", "soon", "5 parsecs", "inf", "nan", "1s x", "1e30", "s"})
        CHECK_MESSAGE(!parse_duration(text), text);
    CHECK(parse_duration("\x1b[2J").error().what == "not a duration: \\x1b[2J");
}

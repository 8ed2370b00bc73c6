// The page as a file: what stands in its markup. What it draws is looked at by tests/view/browser.
#include "report/html/assets.h"
#include "report/html/html.h"
#include "story.h"
#include "written.h"

#include <doctest/doctest.h>
#include <nlohmann/json.hpp>

using namespace numadrift;
using namespace numadrift::test;

namespace {

constexpr auto kHostile = "<script>a&b\x1b\xff";

Story hostile() {
    Story story;
    story.seen(101, 0).at(1).touch(101, 1000, 1000, 0).add(101, TaskRename{kHostile}).add(0, Mark{kHostile});
    return story.at(1000).runtime(101, 0, 1000).end();
}

std::string page_of(const Report& report) {
    return written([&](Output& out) { html::write(report, "<a.ndt>", out); });
}

std::size_t count(const std::string& text, std::string_view what) {
    std::size_t times = 0;
    for (std::size_t at = text.find(what); at != std::string::npos; at = text.find(what, at + 1)) ++times;
    return times;
}

} // namespace

TEST_CASE("the page says the verdict in its markup, for who has no scripts") {
    const Report report = hostile().report();
    const std::string page = page_of(report);
    CHECK(page.find("<title>host: " + report.summary + "</title>") != std::string::npos);
    CHECK(page.find("<h1 id=\"summary\">" + report.summary + "</h1>") != std::string::npos);
    CHECK(page.find("&lt;a.ndt&gt;: host, kernel 6.12") != std::string::npos);
}

TEST_CASE("the page says what happened in its markup, whoever did it") {
    Story story;
    story.seen(101, 0).at(1).touch(101, 1000, 1000, 0).add(101, TaskRename{kHostile});
    story.at(1000).add(101, CpuMove{0, 2, Story::ms(1000), 55, kHostile, ND_CAUSE_affinity});
    const std::string page = page_of(story.at(3000).runtime(101, 2, 3000).end().report());
    CHECK(page.find("<ul id=\"episodes\"><li>&lt;") != std::string::npos);
    CHECK(page.find("from node 0 to node 1 at +1.000s; still away; 2.00 s of CPU time away.</li></ul>") !=
          std::string::npos);
    CHECK(page.find(kHostile) == std::string::npos);
}

TEST_CASE("the page holds every part once, and is UTF-8") {
    const std::string page = page_of(hostile().report());
    CHECK(count(page, html::assets::style()) == 1);
    CHECK(count(page, html::assets::d3()) == 1);
    CHECK(count(page, html::assets::script()) == 1);
    for (const auto* name :
         {"@TITLE@", "@SUMMARY@", "@EPISODES@", "@STYLE@", "@TEXT@", "@D3@", "@DATA@", "@SCRIPT@"})
        CHECK(page.find(name) == std::string::npos);
    CHECK_NOTHROW(nlohmann::json(page).dump()); // it is strict
}

TEST_CASE("hostile names and marks are never markup of the page") {
    const std::string page = page_of(hostile().report());
    CHECK(page.find(kHostile) == std::string::npos);
    CHECK(page.find("<script>a") == std::string::npos);
    CHECK(page.find("&lt;script&gt;a&amp;b\\x1b\\xff") != std::string::npos);
}

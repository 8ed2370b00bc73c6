// The live screen: readings, rows, and lines that fit any terminal.
#include "ui/screen.h"

#include "story.h"

#include <doctest/doctest.h>
#include <fmt/core.h>

using namespace numadrift;
using namespace numadrift::test;
using namespace numadrift::ui;

namespace {

// Eight seconds: thread 101 at home on node 0 until second 4, then away; 102 at home on node 1; 103 sleeps.
Story away_since_four() {
    Story story;
    story.seen(101, 0).seen(102, 2).seen(103, 1);
    story.at(1).touch(101, 1000, 1000, 0).touch(102, 5000, 1000, 1);
    for (int half = 1; half <= 16; ++half) {
        story.at(half * 500);
        if (half == 8) story.move(101, 0, 2, half * 400, ND_CAUSE_affinity);
        else story.runtime(101, half < 8 ? 0 : 2, half * 400);
        story.runtime(102, 2, half * 100);
    }
    return story;
}

// A reading after each second of the story.
TopModel read_each_second(const Story& story) {
    TopModel model;
    std::uint64_t due_ns = Story::kBeginNs + 1'000'000'000;
    for (const Event& event : story.events) {
        if (event.time_ns > due_ns) {
            model.read();
            due_ns += 1'000'000'000;
        }
        model.add(event);
    }
    model.read();
    return model;
}

std::size_t columns_of(const std::string& text) { // of UTF-8 whose characters take one each
    return static_cast<std::size_t>(
        std::ranges::count_if(text, [](char c) { return (static_cast<unsigned char>(c) & 0xc0) != 0x80; }));
}

} // namespace

TEST_CASE("a thread that ran away leads the list, and its strip tells since when") {
    const TopModel model = read_each_second(away_since_four());
    const auto rows = model.rows();
    REQUIRE(rows.size() == 2); // 103 did not run
    CHECK(model.threads() == 3);
    CHECK(raw(rows[0].tid) == 101);
    CHECK(rows[0].now == "away");
    CHECK(rows[0].home == Node{0});
    CHECK(rows[0].on == Node{1});
    CHECK(rows[0].cpu == doctest::Approx(0.8).epsilon(0.05));
    CHECK(rows[0].remote == doctest::Approx(0.8).epsilon(0.05));
    CHECK(rows[0].locality == doctest::Approx(0.0));
    CHECK(rows[0].strip == "====####");
    CHECK(rows[0].why == "affinity");
    CHECK(rows[1].now == "home");
    CHECK(rows[1].strip == "========");
}

TEST_CASE("numbers of a reading are of the last three seconds only") {
    const TopModel model = read_each_second(away_since_four());
    CHECK(model.seconds() == doctest::Approx(3).epsilon(0.2));
    CHECK(model.rows()[0].moves == 0); // it moved before
}

TEST_CASE(
    "what parted threads from their memory last is said above the list, after it left the seconds shown") {
    Story story;
    for (const std::uint32_t tid : {101, 102, 103}) story.seen(tid, 0).touch(tid, tid * 1000, 100, 0);
    double ran_ms = 0;
    const auto all_run = [&](double until_ms) {
        for (; ran_ms < until_ms; ran_ms += 250) {
            story.at(ran_ms + 250);
            for (const std::uint32_t tid : {101, 102, 103}) {
                const double leaves_ms = 2000.0 + 750 * (tid - 101);
                if (ran_ms == leaves_ms) story.move(tid, 0, 2, ran_ms + 250, ND_CAUSE_affinity);
                else story.runtime(tid, ran_ms < leaves_ms ? 0 : 2, ran_ms + 250);
            }
        }
    };
    all_run(1750);
    CHECK(read_each_second(story).last_incident().empty());
    all_run(12'000);
    const TopModel model = read_each_second(story);
    CHECK(model.last_incident() ==
          "10 s ago: a change of affinity or cpuset moved all 3 threads of process 100 "
          "from node 0 to node 1");
    View view;
    view.width = 80;
    const auto roomy = draw(model, view, model.rows());
    CHECK(plain(roomy[2]) + " " + plain(roomy[3]) == model.last_incident());
    view.height = 12;
    const auto small = draw(model, view, model.rows());
    CHECK(plain(small[2]).starts_with("10 s ago: a change of affinity"));
    CHECK(plain(small[3]).starts_with("node 0"));
}

TEST_CASE("rows are sorted as asked, and filtered by name and id") {
    TopModel model = read_each_second(away_since_four());
    model.sort = SortBy::tid;
    model.reversed = true;
    CHECK(raw(model.rows()[0].tid) == 102);
    model.filter = "101";
    REQUIRE(model.rows().size() == 1);
    CHECK(raw(model.rows()[0].tid) == 101);
    model.filter = "thread-";
    CHECK(model.rows().size() == 2);
    model.filter = "no such";
    CHECK(model.rows().empty());
}

TEST_CASE("no line is wider than the screen, and no screen higher, however small") {
    const TopModel model = read_each_second(away_since_four());
    for (std::size_t width = 1; width < 230; width += width < 60 ? 1 : 17)
        for (const std::size_t height : {1, 2, 5, 12, 24, 60})
            for (const Pane pane : {Pane::list, Pane::detail, Pane::help}) {
                View view;
                view.width = width;
                view.height = height;
                view.pane = pane;
                const auto rows = model.rows();
                scroll(view, model, rows);
                const auto lines = draw(model, view, rows);
                CHECK(lines.size() == height);
                for (const Line& line : lines) CHECK(columns_of(plain(line)) <= width);
            }
}

TEST_CASE("a hostile name is text on the screen") {
    Story story = away_since_four();
    story.at(8100).add(101, TaskRename{"\033[2J<b>\n\x9b"});
    const TopModel model = read_each_second(story);
    View view;
    view.width = 100;
    std::string all;
    for (const Line& line : draw(model, view, model.rows())) all += plain(line) + "\n";
    CHECK(all.find('\033') == std::string::npos);
    CHECK(all.find("\\x1b[2J<b>\\x0a") != std::string::npos);
}

TEST_CASE("the chosen row stays in sight") {
    Story story;
    for (std::uint32_t tid = 200; tid < 260; ++tid) story.seen(tid, 0);
    for (std::uint32_t tid = 200; tid < 260; ++tid) story.at(500).runtime(tid, 0, tid);
    const TopModel model = read_each_second(story);
    const auto rows = model.rows();
    REQUIRE(rows.size() == 60);
    View view;
    view.height = 20;
    view.chosen = std::pair(rows[45].pid, rows[45].tid);
    scroll(view, model, rows);
    std::string all;
    for (const Line& line : draw(model, view, rows)) all += plain(line) + "\n";
    CHECK(all.find(fmt::format(" {} ", raw(rows[45].tid))) != std::string::npos);
    CHECK(all.find(fmt::format(" {} ", raw(rows[0].tid))) == std::string::npos);
}

TEST_CASE("nothing is chosen until a key is pressed: the worst stay in sight, whoever they are") {
    Story story;
    for (std::uint32_t tid = 200; tid < 260; ++tid) story.seen(tid, 0);
    for (std::uint32_t tid = 200; tid < 260; ++tid) story.at(500).runtime(tid, 0, tid);
    TopModel model = read_each_second(story);
    View view;
    view.height = 20;
    scroll(view, model, model.rows());
    CHECK_FALSE(view.chosen);
    model.reversed = true; // others are the worst now
    const auto rows = model.rows();
    scroll(view, model, rows);
    const auto lines = draw(model, view, rows);
    std::string all;
    for (const Line& line : lines) all += plain(line) + "\n";
    CHECK(all.find(fmt::format(" {} ", raw(rows[0].tid))) != std::string::npos);
    view.chosen = std::pair(Pid{9}, Tid{9}); // it has ended
    scroll(view, model, rows);
    CHECK_FALSE(view.chosen);
}

TEST_CASE("before the first event the screen says that it waits") {
    TopModel model;
    model.read();
    CHECK(plain(draw(model, {}, model.rows())[1]).starts_with("Waiting"));
}

TEST_CASE("a name that is not ASCII takes no mark off the strip") {
    Story story = away_since_four();
    story.at(8100).add(101, TaskRename{"\u00e9\u00e9\u00e9\u00e9\u00e9\u00e9"});
    const TopModel model = read_each_second(story);
    View view;
    view.width = 62;
    const auto rows = model.rows();
    bool is_there = false;
    for (const Line& one : draw(model, view, rows)) {
        if (!plain(one).starts_with("    101 ")) continue;
        is_there = true;
        CHECK(plain(one).find("####") != std::string::npos);
    }
    CHECK(is_there);
}

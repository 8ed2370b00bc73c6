// The flight recorder's window says what the whole recording, cut there, would say.
#include "flight/recorder.h"

#include "report/json.h"
#include "source/file.h"
#include "story.h"
#include "temporary.h"
#include "window/window.h"

#include <algorithm>
#include <doctest/doctest.h>
#include <filesystem>
#include <fmt/core.h>
#include <random>

using namespace numadrift;
using namespace numadrift::test;

namespace {

// Minutes of eight threads that are moved, sampled, touch and lose memory; the same for the same seed.
std::vector<Event> busy(unsigned seed, int seconds) {
    std::minstd_rand random(seed);
    Story story;
    std::vector<std::uint32_t> cpus(8);
    std::vector<double> ran(8);
    for (std::uint32_t i = 0; i < 8; ++i) story.seen(100 + i, cpus[i] = i % 4);
    for (int ms = 10; ms < seconds * 1000; ms += 10) {
        const auto i = static_cast<std::uint32_t>(random() % 8);
        const std::uint32_t tid = 100 + i;
        story.at(ms);
        ran[i] += 5;
        switch (random() % 6) {
        case 0: {
            const auto to = static_cast<std::uint32_t>(random() % 4);
            story.move(tid, cpus[i], to, ran[i], ND_CAUSE_load_balance);
            cpus[i] = to;
            break;
        }
        case 1: story.touch(tid, random() % 5000, 1 + random() % 50, static_cast<int>(cpus[i] / 2)); break;
        case 2: story.hint(tid, random() % 5000, 1, static_cast<int>(random() % 2)); break;
        case 3: story.add(tid, AccessSample{random() % 5000 * 4096, static_cast<int>(i % 2), 0}); break;
        case 4: story.pages_move(random() % 5000, 10, 0, 1); break;
        default: story.runtime(tid, cpus[i], ran[i]);
        }
    }
    return story.events;
}

// But for what only the end of a file says.
std::string json_of(Source& source) {
    auto report = make_report(source, {});
    REQUIRE(report);
    report->window_end.clear();
    report->finished = report->complete = true;
    report->events.erase(ND_EVENT_window_end);
    return render_json(*report);
}

std::string first_difference(const std::string& one, const std::string& other) {
    const auto [at, other_at] = std::mismatch(one.begin(), one.end(), other.begin(), other.end());
    if (at == one.end() && other_at == other.end()) return {};
    const auto from = static_cast<std::size_t>(std::max<std::ptrdiff_t>(at - one.begin() - 300, 0));
    return one.substr(from, 400) + "\n---- other:\n" + other.substr(from, 400);
}

} // namespace

TEST_CASE("the answer for a flight recorder's window is the answer of the whole trace cut there") {
    for (const unsigned seed : {1u, 2u, 3u}) {
        Tree directory;
        const auto events = busy(seed, 90);
        flight::Options options;
        options.ring.length_ns = 20'000'000'000;
        options.file = directory.root() + "/f.ndt";
        flight::Recorder recorder(options, [](const std::string&) {});
        for (const Event& event : events) {
            REQUIRE(recorder.add(event));
            REQUIRE(recorder.pass(event.time_ns));
        }
        const auto file = recorder.trigger(events.back().time_ns, "test");
        REQUIRE(file);
        REQUIRE(recorder.end());

        auto window = FileSource::open(*file);
        REQUIRE(window);
        std::vector<Event> first;
        REQUIRE((*window)->next(first));
        const std::uint64_t begin_ns = first.front().time_ns - Story::kBeginNs;
        CHECK(begin_ns > 60'000'000'000);
        const auto from = TimePoint::parse(fmt::format("+{}ms", begin_ns / 1'000'000));
        REQUIRE(from);
        window = FileSource::open(*file);
        WindowSource cut(std::make_unique<MemorySource>(events), {*from, {}});
        CHECK(first_difference(json_of(**window), json_of(cut)) == "");
    }
}

TEST_CASE("a ring is bounded in time and in bytes") {
    flight::Ring ring({10'000'000'000, 64 << 10});
    const auto events = busy(1, 60);
    std::uint64_t most_bytes = 0;
    for (int turn = 0; turn < 20; ++turn)
        for (Event event : events) {
            event.time_ns += static_cast<std::uint64_t>(turn) * 60'000'000'000;
            ring.add(event);
            ring.pass(event.time_ns);
            most_bytes = std::max(most_bytes, ring.bytes());
        }
    CHECK(most_bytes < (65u << 10) + 32'768);
    CHECK(ring.begin_ns() > events.back().time_ns + 19 * 60'000'000'000ull - 12'000'000'000);
}

TEST_CASE("no more files than are to be kept, and conditions write one in a while") {
    Tree directory;
    flight::Options options;
    options.file = directory.root() + "/f.ndt";
    options.keep = 3;
    options.after_ns = 1'000'000'000;
    options.every_ns = 30'000'000'000;
    flight::Recorder recorder(options, [](const std::string&) {});
    int begun = 0;
    for (const Event& event : busy(1, 300)) {
        REQUIRE(recorder.add(event));
        REQUIRE(recorder.pass(event.time_ns));
        begun += recorder.condition(event.time_ns, "always");
    }
    REQUIRE(recorder.end());
    CHECK(begun == 10);
    CHECK(recorder.files().size() == 3);
    const auto count = std::distance(std::filesystem::directory_iterator(directory.root()), {});
    CHECK(count == 3);
    for (const std::string& file : recorder.files()) CHECK(FileSource::open(file));
}

TEST_CASE("a window that cannot be written is told, and the flight goes on") {
    const Tree directory;
    flight::Options options;
    options.file = directory.root() + "/nowhere/f.ndt";
    std::string said;
    flight::Recorder recorder(options, [&said](const std::string& line) { said = line; });
    for (const Event& event : busy(1, 3)) REQUIRE(recorder.add(event));
    const auto file = recorder.trigger(4'000'000'000, "test");
    REQUIRE(!file);
    CHECK(said.find("cannot write " + directory.root() + "/nowhere/f-") != std::string::npos);
    CHECK(recorder.pass(5'000'000'000));
    CHECK(recorder.bytes() > 0);
}

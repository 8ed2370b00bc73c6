// Conditions: what they say, and when they come true.
#include "trigger/watch.h"

#include "story.h"
#include "temporary.h"

#include <chrono>
#include <csignal>
#include <doctest/doctest.h>
#include <fmt/core.h>
#include <thread>

using namespace numadrift;
using namespace numadrift::test;
using trigger::Metric;

namespace {

trigger::Condition condition(const char* text) {
    const auto parsed = trigger::parse_condition(text);
    REQUIRE_MESSAGE(parsed, text);
    return *parsed;
}

// A thread with its memory on node 0, moved to node 1 at second 10.
std::vector<Event> drift() {
    Story story;
    story.seen(100, 0).at(1).touch(100, 1000, 1000, 0);
    for (int half = 1; half <= 40; ++half) {
        story.at(half * 500);
        if (half == 20) story.move(100, 0, 2, half * 500);
        else story.runtime(100, half > 20 ? 2 : 0, half * 500);
    }
    return story.events;
}

// Seconds after the begin at which the condition came true, and why.
std::pair<double, std::string> first_true(const char* text) {
    trigger::Watch watch({condition(text)}, {});
    for (const Event& event : drift()) {
        watch.add(event);
        if (const auto reason = watch.pass(event.time_ns))
            return {static_cast<double>(event.time_ns - Story::kBeginNs) / 1e9, *reason};
    }
    return {0, ""};
}

} // namespace

TEST_CASE("conditions are read as people write them") {
    const auto locality = condition("locality<0.7 for 5s");
    CHECK(locality.metric == Metric::locality);
    CHECK(!locality.above);
    CHECK(locality.limit == doctest::Approx(0.7));
    CHECK(locality.length_ns == 5'000'000'000);
    const auto away = condition(" thread  away > 30% for 1.5s ");
    CHECK(away.of_a_thread);
    CHECK(away.limit == doctest::Approx(0.3));
    CHECK(away.length_ns == 1'500'000'000);
    CHECK(condition("migrations>1000/s").limit == doctest::Approx(1000));
    CHECK(condition("psi.memory>10%").metric == Metric::psi_memory);
    CHECK(condition("exec:curl -sf localhost/health").command == "curl -sf localhost/health");
    CHECK(condition("exec>500ms:true").limit == doctest::Approx(0.5));
    for (const char* wrong : {"", "locality", "locality=1", "locality<70", "speed<1", "thread psi.cpu>1%",
                              "migrations>5%", "locality<0.5/s", "exec:", "exec>x:true", "locality<0.7 for",
                              "locality<0.7 for 1ms", "locality<0.7 for 2h", "away>30 %%"})
        CHECK_MESSAGE(!trigger::parse_condition(wrong), wrong);
}

TEST_CASE("a condition on locality comes true when the thread has left its memory, and says so") {
    const auto [when, reason] = first_true("locality<0.7 for 1s");
    CHECK(when >= 10.5);
    CHECK(when <= 12);
    CHECK(reason.starts_with("locality<0.7 for 1s (0"));
    const auto thread = first_true("thread away>50% for 1s");
    CHECK(thread.first >= 10.5);
    CHECK(thread.first <= 12);
    CHECK(thread.second.find("thread-100 (100)") != std::string::npos);
    CHECK(first_true("locality<0.7 for 5s").first > 11);
}

TEST_CASE("a condition that stays true comes true once, and is quiet where nothing is known") {
    trigger::Watch watch({condition("locality<0.7 for 1s")}, {});
    int times = 0;
    for (const Event& event : drift()) {
        watch.add(event);
        times += watch.pass(event.time_ns).has_value();
    }
    CHECK(times == 1);
    CHECK(first_true("migrations>1/s").first == 0);
    CHECK(first_true("thread locality<0.1 for 30s").first == 0);
}

TEST_CASE("pressure is the share of time that tasks stalled over the length asked for") {
    Tree tree;
    const auto stall = [&tree](std::uint64_t us) {
        tree.file("/proc/pressure/memory", fmt::format("some avg10=0.00 avg60=0.00 avg300=0.00 total={}\n"
                                                       "full avg10=0.00 avg60=0.00 avg300=0.00 total=0\n",
                                                       us));
    };
    trigger::Watch watch({condition("psi.memory>10% for 5s")}, {}, tree.root());
    std::uint64_t total_us = 1'000'000;
    std::uint64_t fired_s = 0;
    for (std::uint64_t s = 1; s < 40 && fired_s == 0; ++s) {
        total_us += s > 20 ? 200'000 : 10'000; // a fifth of the time from second 20 on
        stall(total_us);
        if (watch.pass(s * 1'000'000'000)) fired_s = s;
    }
    CHECK(fired_s >= 22);
    CHECK(fired_s <= 25);
}

TEST_CASE("a command that fails or takes long is a condition, one that hangs is not waited for") {
    const auto fires = [](const char* text) {
        trigger::Watch watch({condition(text)}, {});
        for (std::uint64_t s = 1; s < 6; ++s) {
            if (watch.pass(s * 1'000'000'000)) return true;
            std::this_thread::sleep_for(std::chrono::milliseconds(100));
        }
        return false;
    };
    CHECK(fires("exec:exit 3"));
    CHECK(!fires("exec:true"));
    CHECK(fires("exec>50ms:sleep 0.1"));
    // It does not inherit which signals main() ignores.
    std::signal(SIGPIPE, SIG_IGN);
    CHECK(fires("exec:kill -PIPE $$"));
    std::signal(SIGPIPE, SIG_DFL);
    CHECK(!fires("exec>10s:true"));
    CHECK(!fires("exec:sleep 100")); // and it is ended with the watch
}

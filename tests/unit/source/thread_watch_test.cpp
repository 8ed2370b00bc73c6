// Threads as looks and events tell of them: each change once, and no end that was lost is missed.
#include "source/live/thread_watch.h"

#include <cstring>
#include <doctest/doctest.h>

using namespace numadrift;
using namespace numadrift::live;

namespace {

nd_task_row row(std::uint32_t tid, std::uint64_t time_ns, std::uint64_t runtime_ns,
                const char* comm = "worker") {
    nd_task_row one{};
    one.pid = 7;
    one.tid = tid;
    one.cpu = 3;
    one.time_ns = time_ns;
    one.runtime_ns = runtime_ns;
    std::strncpy(one.comm.text, comm, sizeof one.comm.text);
    return one;
}

} // namespace

TEST_CASE("a thread is told of when it is first seen, and then what changed alone") {
    ThreadWatch watch;
    std::vector<Event> events;
    watch.look(row(8, 100, 50), false, events);
    watch.look(row(8, 200, 50), false, events);
    CHECK(events == std::vector<Event>{{100, 7, 8, TaskSeen{3, 50, "worker"}}});
    events.clear();
    watch.look(row(8, 300, 60), false, events);
    watch.look(row(8, 400, 60, "renamed"), false, events);
    CHECK(events == std::vector<Event>{{300, 7, 8, Runtime{3, 60, 200}}, {400, 7, 8, TaskRename{"renamed"}}});
}

TEST_CASE("the first look tells of all, also of those whose birth came before it") {
    ThreadWatch watch;
    std::vector<Event> events;
    watch.take_note({90, 7, 8, TaskNew{3, 7, "worker"}});
    watch.look(row(8, 100, 50), true, events);
    CHECK(events == std::vector<Event>{{100, 7, 8, TaskSeen{3, 50, "worker"}}});
}

TEST_CASE(
    "events were lost: who is not there at two looks has ended, with what it was last seen to have run") {
    ThreadWatch watch;
    std::vector<Event> events;
    for (const std::uint32_t tid : {8, 9}) watch.look(row(tid, 100, 50), true, events);
    events.clear();
    const std::vector<nd_task_row> there = {row(8, 200, 60)};
    watch.end_lost(there, 0, 200, events); // nothing was lost: its end is on its way
    watch.end_lost(there, 5, 300, events);
    CHECK(events.empty());
    watch.end_lost(there, 5, 400, events);
    CHECK(events == std::vector<Event>{{400, 7, 9, TaskExit{3, 50}}, {400, 7, 9, TaskGone{50}}});
    CHECK(!watch.knows(9));
    CHECK(watch.size() == 1);
    events.clear();
    watch.end_lost(there, 5, 500, events);
    CHECK(events.empty());
}

TEST_CASE("who is there again, or whose end came meanwhile, is not ended a second time") {
    ThreadWatch watch;
    std::vector<Event> events;
    for (const std::uint32_t tid : {8, 9}) watch.look(row(tid, 100, 50), true, events);
    events.clear();
    watch.end_lost({}, 5, 200, events);
    watch.take_note({250, 7, 9, TaskGone{70}});
    const std::vector<nd_task_row> there = {row(8, 300, 60)};
    watch.end_lost(there, 5, 300, events);
    CHECK(events.empty());
    CHECK(watch.knows(8));
    CHECK(!watch.knows(9));
}

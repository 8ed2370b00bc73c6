#include "timeline/order.h"

#include <doctest/doctest.h>

using namespace numadrift;

namespace {

Event event_at(std::uint64_t time_ns, std::uint32_t tid = 0) {
    return {time_ns, 1, tid, Mark{"m"}};
}

std::vector<std::uint64_t> times(const std::vector<Event>& events) {
    std::vector<std::uint64_t> found;
    for (const auto& event : events) found.push_back(event.time_ns);
    return found;
}

} // namespace

TEST_CASE("events of several rings come out in the order of time") {
    Orderer order;
    for (const std::uint64_t time : {30, 10, 20, 40}) order.inbox().push_back(event_at(time));
    std::vector<Event> out;
    order.release(35, out);
    CHECK(times(out) == std::vector<std::uint64_t>{10, 20, 30});
    order.inbox().push_back(event_at(36));
    order.release(UINT64_MAX, out);
    CHECK(times(out) == std::vector<std::uint64_t>{10, 20, 30, 36, 40});
    CHECK(order.late() == 0);
}

TEST_CASE("events of one time keep the order in which they came") {
    Orderer order;
    for (const std::uint32_t tid : {3, 1, 2}) order.inbox().push_back(event_at(10, tid));
    std::vector<Event> out;
    order.release(11, out);
    CHECK(out[0].tid == 3);
    CHECK(out[1].tid == 1);
    CHECK(out[2].tid == 2);
}

TEST_CASE("an event that comes too late is let through and counted") {
    Orderer order;
    std::vector<Event> out;
    order.release(100, out);
    order.inbox().push_back(event_at(50));
    order.release(200, out);
    CHECK(times(out) == std::vector<std::uint64_t>{50});
    CHECK(order.late() == 1);
}

// Runs of first touches and of hint faults that the kernel side still holds open: a thread that stopped
// touching never ends its last one. What is in it is told at a look, and the whole of it comes when it ends.
#pragma once

#include "event/event.h"
#include "source/live/programs.h"

#include <map>
#include <tuple>
#include <utility>
#include <vector>

namespace numadrift::live {

class OpenRuns {
public:
    // Tells what the thread's open runs have and was not told yet.
    void look(const nd_task_row& row, std::vector<Event>& events);

    // A run that ended: takes off what was told. False if that was all of it. Other events stay as they are.
    bool take(Event& event);

    // Now and then: what is still told of threads that ended a while ago was lost on its way.
    void forget_ended();

private:
    // Kind, thread, when it began.
    using Key = std::tuple<std::uint32_t, std::uint32_t, std::uint64_t>;

    template <class Run> bool take(const Event& event, Run& run);
    template <class Run>
    void tell(const nd_task_row& row, std::uint64_t first_ns, Run run, std::vector<Event>& events);

    std::map<Key, std::uint32_t> told_;                          // pages
    std::vector<std::pair<std::uint32_t, std::uint64_t>> ended_; // threads, and when
    std::vector<std::pair<std::uint32_t, std::uint64_t>>
        long_ended_; // … before the last call of forget_ended()
};

} // namespace numadrift::live

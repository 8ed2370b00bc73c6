// The threads that a recording knows, by events of the hooks and by looks at all that are there. A look tells
// what changed of each, and who ended without a word.
#pragma once

#include "event/event.h"
#include "util/kernel_words.h"

#include "numadrift/wire.h"

#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <vector>

namespace numadrift::live {

class ThreadWatch {
public:
    // Births and ends.
    void take_note(const Event& event);

    // Events were lost, perhaps the news of somebody's end: who is known, and is not there at two looks, has
    // ended. At one look the news may still be on their way. rows: all that are there. lost: events, since
    // the begin.
    void end_lost(std::span<const nd_task_row> rows, std::uint64_t lost, std::uint64_t now_ns,
                  std::vector<Event>& events);

    // At a thread that is there. Only what changed becomes an event: an idle thread costs nothing. is_first:
    // at the first look of all, which tells of each.
    void look(const nd_task_row& row, bool is_first, std::vector<Event>& events);

    bool knows(std::uint32_t tid) const { return known_.contains(tid); }
    std::size_t size() const { return known_.size(); }

private:
    struct Known {
        std::string comm;
        std::uint64_t runtime_ns = 0;
        std::uint32_t cpu = 0;
        std::uint64_t look_ns = 0;
        std::uint32_t pid = 0;
    };

    std::map<std::uint32_t, Known> known_; // by tid
    std::vector<std::uint32_t> missing_;   // that were not there at the last look
    std::uint64_t lost_at_look_ = 0;
};

} // namespace numadrift::live

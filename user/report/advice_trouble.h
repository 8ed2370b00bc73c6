// Which threads advice is given to, put together: threads of one process with the same trouble.
//
// Owns: who needs advice, and who is alike. Does not own: what is advised (advice.cpp).
#pragma once

#include "report/report.h"

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace numadrift {

struct Trouble {
    Pid pid{};
    Verdict verdict = Verdict::drifted;
    Node home = kNoNode; // where their memory is
    Node to = kNoNode;   // where they run
    std::uint8_t cause = 0;
    std::string cpuset_cpus; // of the threads, if not that of their process
    bool has_ended = false;  // all of them: no command is of use to them any more
    std::vector<const ThreadReport*> threads;

    double remote_ns() const;
    // "the thread", "the 12 threads".
    std::string who() const;
    // They were away and back again and again: what they did is what they will do.
    bool is_habit() const;
    // Somebody sets their affinity or cpuset to and fro: it will be set again, whatever is done now.
    bool is_sent_to_and_fro() const;
    // Who set it last, where that is known: "irqbalance (55)", "something".
    std::string sender() const;
};

// Those with the most remote time first: they have the first claim on CPUs and memory. What is not sure is no
// ground to act on: threads whose sources of evidence disagree are in none.
std::vector<Trouble> troubles_of(const Report& report);

// Threads that would need advice, and whose sources disagree.
std::size_t count_disputed(const Report& report);

} // namespace numadrift

// Lets threads of a process run on the CPUs of a node only, within the cpuset of each. What somebody else has
// pinned to CPUs of another node is left alone unless it is named, and a thread id is used only while it is
// that of a thread of the process.
//
// Owns: which threads, onto which CPUs, what became of each. Does not own: the command line (cli/pin.cpp).
#pragma once

#include "timeline/ids.h"
#include "util/result.h"

#include <functional>
#include <string>
#include <vector>

namespace numadrift::pin {

using Cpus = std::vector<Cpu>; // in ascending order

struct Request {
    Pid pid{};
    Node to = kNoNode;
    std::vector<Tid> threads; // named; none: all of the process
    bool is_dry_run = false;
};

enum class Outcome {
    pinned,       // or would be, in a dry run
    there,        // it was before
    left_alone,   // not named, and pinned to other CPUs by somebody
    outside,      // its cpuset has no CPU of the node
    refused,      // the kernel says no: error
    of_no_thread, // ended, or the id of another process' thread
};

struct Fate {
    Tid tid{};
    Outcome outcome = Outcome::of_no_thread;
    Cpus before; // that it might run on
    Cpus now;    // or would, in a dry run
    int error = 0;
};

// What the host answers; tests have a host of their own. affinity and set_affinity: 0 or errno, as
// sched_getaffinity(2) and sched_setaffinity(2).
struct Host {
    std::function<std::vector<Tid>(Pid)> threads_of;
    std::function<int(Tid, Cpus&)> affinity;
    std::function<int(Tid, const Cpus&)> set_affinity;
    std::function<Cpus(Pid, Tid)> cpuset;   // CPUs that are online and in the thread's cpuset
    std::function<Cpus(Node)> cpus_of_node; // that are online
};
Host this_host();

// A fate for each thread, also of those that are started meanwhile. Error: the node has no CPU online, or the
// process is gone.
Result<std::vector<Fate>> pin_threads(const Request& request, const Host& host);

} // namespace numadrift::pin

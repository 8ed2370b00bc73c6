// Processes and threads as procfs shows them. Everything here can vanish between two reads: what
// is gone is left out, not an error. `root` stands before /proc.
#pragma once

#include "timeline/ids.h"
#include "util/result.h"

#include <string>
#include <vector>

namespace numadrift::probe {

// Does the process exist? Error: no such process, or the id is that of a thread (and of whose).
Status check_process(const std::string& root, Pid pid);

// Processes whose name matches a shell pattern (fnmatch), lowest id first. Not this process.
std::vector<Pid> find_by_comm(const std::string& root, const std::string& pattern);

// All processes but kernel threads and this process, lowest id first.
std::vector<Pid> find_all(const std::string& root);

// Thread ids of a process; empty if it is gone.
std::vector<Tid> threads_of(const std::string& root, Pid pid);

} // namespace numadrift::probe

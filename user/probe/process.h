// Processes and threads as procfs shows them. Everything here can vanish between two reads: what
// is gone is left out, not an error. `root` stands before /proc.
#pragma once

#include "timeline/ids.h"
#include "util/result.h"

#include <string>
#include <string_view>
#include <vector>

namespace numadrift::probe {

// A field of a status file without the blanks around it; empty if there is none. No process can forge one:
// the kernel escapes the line ends in its name (fs/proc/array.c: proc_task_name(), 5.10 to 7.2).
std::string status_field(const std::string& status, std::string_view name);

// Does the process exist? Error: no such process, or the id is that of a thread (and of whose).
Status check_process(const std::string& root, Pid pid);

// Processes whose name matches a shell pattern (fnmatch), lowest id first. Not this process.
std::vector<Pid> find_by_comm(const std::string& root, const std::string& pattern);

// All processes but kernel threads and this process, lowest id first.
std::vector<Pid> find_all(const std::string& root);

// The processes below these: their children, the children of those, …, lowest id first. Not this process, nor
// `roots` themselves.
std::vector<Pid> descendants_of(const std::string& root, const std::vector<Pid>& roots);

// Thread ids of a process; empty if it is gone.
std::vector<Tid> threads_of(const std::string& root, Pid pid);

} // namespace numadrift::probe

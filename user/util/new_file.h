// The one place that makes files: for their owner alone, not through a symbolic link, not over what is
// another's.
#pragma once

#include "util/file.h"

#include <string>

namespace numadrift {

// A file that is open for writing, empty, and locked (flock) until it is closed.
struct NewFile {
    Fd fd;
    std::string path;
};

// Replaces what is there if it is a regular file of the caller's that no other numadrift is writing to. A
// device (/dev/null) is taken as it is. Error: which of that it is not, or errno in words.
Result<NewFile> make_file(const std::string& path);

// STEM + ENDING, or the first of STEM-2 + ENDING, … that is not there yet.
Result<NewFile> make_new_file(const std::string& stem, const std::string& ending);

// errno: an Error with the hint that fits.
Error cannot_write(const std::string& path, int error);

} // namespace numadrift

// Where a result is written that is too large to be held: a file, or stdout.
#pragma once

#include "util/file.h"

#include <string>
#include <string_view>

namespace numadrift {

class Output {
public:
    // path: "" or "-" is stdout. What is there is replaced as make_file() does.
    static Result<Output> open(const std::string& path);

    // Buffered. An error is kept, and told by finish().
    void write(std::string_view text);

    // Error: what could not be written, and why.
    Status finish();

private:
    Output(Fd file, std::string name) : file_(std::move(file)), name_(std::move(name)) {}
    void flush();

    Fd file_; // none: stdout
    std::string name_;
    std::string buffer_;
    int error_ = 0;
};

} // namespace numadrift

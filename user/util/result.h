// Errors as values: what failed, on what, why, and what to try. Printed once, in main.
#pragma once

#include <string>
#include <utility>
#include <variant>

namespace numadrift {

struct Error {
    std::string what;
    std::string hint;   // empty where nothing sensible can be tried
    bool usage = false; // the command line is wrong, not the world: another exit status
};

// A value or an Error. Asking for the one that is not there is a bug of the caller.
template <class T> class [[nodiscard]] Result {
public:
    Result(T value) : content_(std::move(value)) {}
    Result(Error error) : content_(std::move(error)) {}

    explicit operator bool() const { return content_.index() == 0; }
    T& operator*() & { return std::get<0>(content_); }
    T&& operator*() && { return std::get<0>(std::move(content_)); }
    const T& operator*() const& { return std::get<0>(content_); }
    T* operator->() { return &std::get<0>(content_); }
    const T* operator->() const { return &std::get<0>(content_); }
    const Error& error() const { return std::get<1>(content_); }

private:
    std::variant<T, Error> content_;
};

struct Done {};
using Status = Result<Done>;

} // namespace numadrift

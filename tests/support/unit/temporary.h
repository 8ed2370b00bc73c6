// Files and trees that vanish with the test.
#pragma once

#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>
#include <unistd.h>

namespace numadrift::test {

// A file of its own, with content if some is given.
class Temporary {
public:
    Temporary() {
        std::string pattern = (std::filesystem::temp_directory_path() / "numadrift-test-XXXXXX").string();
        ::close(::mkstemp(pattern.data()));
        path_ = pattern;
    }
    explicit Temporary(const std::string& content) : Temporary() {
        std::ofstream(path_, std::ios::binary) << content;
    }
    Temporary(const Temporary&) = delete;
    Temporary& operator=(const Temporary&) = delete;
    ~Temporary() { ::unlink(path_.c_str()); }

    const std::string& path() const { return path_; }
    void write(const std::string& content) const {
        std::ofstream(path_, std::ios::binary | std::ios::trunc) << content;
    }
    std::string read() const {
        std::ifstream file(path_, std::ios::binary);
        std::ostringstream text;
        text << file.rdbuf();
        return text.str();
    }

private:
    std::string path_;
};

// A directory to stand before /sys and /proc.
class Tree {
public:
    Tree() {
        std::string pattern = (std::filesystem::temp_directory_path() / "numadrift-tree-XXXXXX").string();
        root_ = ::mkdtemp(pattern.data());
    }
    Tree(const Tree&) = delete;
    Tree& operator=(const Tree&) = delete;
    ~Tree() { std::filesystem::remove_all(root_); }

    const std::string& root() const { return root_; }
    Tree& file(const std::string& path, const std::string& content) {
        const auto whole = std::filesystem::path(root_ + path);
        std::filesystem::create_directories(whole.parent_path());
        std::ofstream(whole) << content;
        return *this;
    }
    Tree& directory(const std::string& path) {
        std::filesystem::create_directories(root_ + path);
        return *this;
    }

private:
    std::string root_;
};

} // namespace numadrift::test

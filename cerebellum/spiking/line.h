#ifndef CEREBELLUM_LINE_H
#define CEREBELLUM_LINE_H
#include <fstream>
#include <string>
#include <vector>
// What this process is: "" the main line of the run, ".N" its independent trial N.
inline std::string &line() { static std::string name; return name; }
inline std::vector<std::ofstream*> &written() { static std::vector<std::ofstream*> files; return files; }
inline void flush_written() { for (std::ofstream *file : written()) file->flush(); }
#endif

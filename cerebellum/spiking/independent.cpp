/* Runs the parts of a run with independent trials (spiking/independent.py, which fills in what begins with a dollar). */
#include <algorithm>
#include <chrono>
#include <csignal>
#include <sys/types.h>
#include <sys/wait.h>
#include <unistd.h>
#ifdef __linux__
#include <sys/prctl.h>
#endif
#include "$header"
namespace independent {
struct Part { int64_t first, last, behind, trial, jump_0, jump_1; };
struct Fired { std::vector<int32_t> *cell; std::vector<double> *time; int32_t *number; };
struct Given { std::vector<int32_t> *step; int32_t *next; };
struct Times { double *values; int number; };
static const double dt = $dt;
static std::vector<Fired> fired() { return {$fired}; }
static std::vector<Given> given() { return {$given}; }
static std::vector<Times> times() { return {$times}; }
static std::vector<double*> jumps(int of) { return of == 0 ? std::vector<double*>{$jumps_0}
                                                           : std::vector<double*>{$jumps_1}; }
static std::vector<std::string> copies() { return {$copies}; }
static void renew() { $renewals }

static void fail(const std::string &what) { std::cerr << what << std::endl; std::_Exit(1); }

// Time goes on at another step than the one before.
static void move(const Part &part, int64_t &behind)
{
    if (part.behind == behind)
        return;
    for (Times &one : times())
        for (int k = 0; k < one.number; k++)
            one.values[k] += (part.behind - behind) * dt;
    for (Given &one : given())
        *one.next = std::lower_bound(one.step->begin(), one.step->end(), part.first) - one.step->begin();
    behind = part.behind;
}

static void advance(Network &network, const Part &part)
{
    if (part.first == part.last)
        return;
    network.t = part.first * dt;
    for (auto &object : network.objects) {
        object.first->set_interval(network.t, part.last * dt);
        object.first->t[0] = object.first->timestep[0] * object.first->dt[0];
    }
    network.run((part.last - part.first) * dt, NULL, 10.0);
}

template <class T> static void put(std::ofstream &file, const T *values, size_t number)
{
    file.write(reinterpret_cast<const char*>(values), number * sizeof(T));
}

static void hand_back(const std::vector<size_t> &before)
{
    std::ofstream file("trial" + line(), std::ios::binary);
    for (size_t k = 0; k < before.size(); k++) {
        const Fired one = fired()[k];
        const int64_t number = one.cell->size() - before[k];
        put(file, &number, 1);
        put(file, one.cell->data() + before[k], number);
        put(file, one.time->data() + before[k], number);
    }
    file.close();
    flush_written();
    bool good = file.good();
    for (std::ofstream *each : written())
        good = good && each->good();
    if (!good)
        fail("an independent trial could not write its results; is the disk full?");
}

static void take_back(int64_t trial)
{
    const std::string name = "." + std::to_string(trial);
    std::ifstream file("trial" + name, std::ios::binary);
    for (Fired &one : fired()) {
        int64_t number = 0;
        file.read(reinterpret_cast<char*>(&number), sizeof number);
        const size_t before = one.cell->size();
        one.cell->resize(before + number);
        one.time->resize(before + number);
        file.read(reinterpret_cast<char*>(one.cell->data() + before), number * sizeof(int32_t));
        file.read(reinterpret_cast<char*>(one.time->data() + before), number * sizeof(double));
        *one.number += number;
    }
    if (!file)
        fail("the results of an independent trial did not come back; is the disk full?");
    unlink(("trial" + name).c_str());
    for (const std::string &copied : copies()) {
        std::ifstream from(copied + name, std::ios::binary);
        if (!from || from.peek() == std::ifstream::traits_type::eof())
            continue;
        std::ofstream to(copied, std::ios::binary | std::ios::app);
        to << from.rdbuf();
        unlink((copied + name).c_str());
    }
}

static void wait_for_one(std::vector<pid_t> &running)
{
    int status = 0;
    const pid_t ended = wait(&status);
    running.erase(std::remove(running.begin(), running.end(), ended), running.end());
    if (ended > 0 && status == 0)
        return;
    for (pid_t each : running)
        kill(each, SIGKILL);
    fail("an independent trial ended early");
}

static void trial(Network &network, const Part &part, int64_t behind)
{
#ifdef __linux__
    prctl(PR_SET_PDEATHSIG, SIGKILL);
#endif
    line() = "." + std::to_string(part.trial);
    std::vector<size_t> before;
    for (Fired &one : fired())
        before.push_back(one.cell->size());
    move(part, behind);
    for (double *each : jumps(0)) *each = part.jump_0;
    for (double *each : jumps(1)) *each = part.jump_1;
    renew();
    advance(network, part);
    hand_back(before);
    std::_Exit(0);
}

static void run(Network &network)
{
    const auto started = std::chrono::steady_clock::now();
    const size_t jobs = std::max(1, std::atoi(std::getenv("$jobs")));
    std::ifstream plan("$plan", std::ios::binary);
    std::vector<pid_t> running;
    std::vector<int64_t> trials;
    int64_t behind = 0;
    for (Part part; plan.read(reinterpret_cast<char*>(&part), sizeof part);) {
        if (part.trial < 0) {
            while (!running.empty())
                wait_for_one(running);
            flush_written();
            for (int64_t each : trials)
                take_back(each);
            trials.clear();
            move(part, behind);
            advance(network, part);
            continue;
        }
        if (running.size() >= jobs)
            wait_for_one(running);
        flush_written();
        std::cout.flush();
        const pid_t child = fork();
        if (child == 0)
            trial(network, part, behind);
        if (child < 0) {
            for (pid_t each : running)
                kill(each, SIGKILL);
            fail("the system starts no further process for an independent trial");
        }
        running.push_back(child);
        trials.push_back(part.trial);
    }
    Network::_last_run_time = std::chrono::duration<double>(std::chrono::steady_clock::now() - started).count();
}
}

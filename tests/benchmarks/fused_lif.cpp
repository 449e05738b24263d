// The LIF benchmark circuit written out by hand, for one purpose: the least time that this machine needs for it. Every
// number is a literal of this one circuit, a step is one loop over a population's state, spikes wait as cell numbers.
//
//     fused_lif FOLDER STEPS REPEATS      one line a repeat: seconds of processor time, spikes of each population
//
// FOLDER holds what `peers.write_arrays` wrote. -DREAL=float for single precision.

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <string>
#include <vector>

#ifndef REAL
#define REAL double
#endif
using Real = REAL;
using Cells = std::vector<int32_t>;

static std::string folder;

template <typename T> static std::vector<T> read(const std::string &name)
{
    FILE *file = fopen((folder + "/" + name).c_str(), "rb");
    if (!file) { fprintf(stderr, "%s is not there\n", name.c_str()); exit(1); }
    fseek(file, 0, SEEK_END);
    std::vector<T> values(ftell(file) / sizeof(T));
    rewind(file);
    if (fread(values.data(), sizeof(T), values.size(), file) != values.size()) exit(1);
    fclose(file);
    return values;
}

struct Projection  // synapses by source; those of a cell lie side by side
{
    std::vector<int32_t> first;
    Cells post;
    Real weight;  // pA

    Projection(const std::string &name, int sources, Real weight)
        : first(sources + 1, 0), post(read<int32_t>(name + "_post")), weight(weight)
    {
        for (int32_t pre : read<int32_t>(name + "_pre")) first[pre + 1]++;
        for (int cell = 0; cell < sources; cell++) first[cell + 1] += first[cell];
    }

    void deliver(const Cells &fired, std::vector<Real> &current) const
    {
        for (int32_t cell : fired)
            for (int k = first[cell]; k < first[cell + 1]; k++) current[post[k]] += weight;
    }
};

struct Population
{
    int size, held;  // steps at the reset after a spike
    Real V_inf, V_th, V_reset, leak, excitatory_kick, inhibitory_kick, excitatory_decay, inhibitory_decay;
    std::vector<Real> v, excitatory, inhibitory, free_at;
    Cells fired;
    long spikes = 0;

    // mV, pF, ms, pA
    Population(const std::string &name, double C, double tau, double E_L, double V_th, double V_reset, double t_ref,
               double tau_e, double tau_i, double I_e)
        : held((int)std::lround(t_ref / 0.1)), V_inf(E_L + tau * I_e / C), V_th(V_th), V_reset(V_reset)
    {
        const double dt = 0.1, a = std::exp(-dt / tau);
        leak = 1 - a;
        excitatory_decay = std::exp(-dt / tau_e);
        inhibitory_decay = std::exp(-dt / tau_i);
        excitatory_kick = (a - std::exp(-dt / tau_e)) / (1 / tau_e - 1 / tau) / C;
        inhibitory_kick = (a - std::exp(-dt / tau_i)) / (1 / tau_i - 1 / tau) / C;
        const std::vector<double> start = read<double>(name + "_v");
        v.assign(start.begin(), start.end());
        size = (int)v.size();
        excitatory.assign(size, 0);
        inhibitory.assign(size, 0);
        free_at.assign(size, 0);
    }

    void step(int now)
    {
        fired.clear();
        Real *V = v.data(), *E = excitatory.data(), *I = inhibitory.data(), *F = free_at.data();
        const int block = 512;
        for (int begin = 0; begin < size; begin += block)
        {
            const int end = std::min(size, begin + block);
            int any = 0;
            for (int i = begin; i < end; i++)
            {
                const bool free = F[i] <= now;
                const Real moved = V[i] + ((V_inf - V[i]) * leak + E[i] * excitatory_kick - I[i] * inhibitory_kick);
                V[i] = free ? moved : V[i];
                E[i] *= excitatory_decay;
                I[i] *= inhibitory_decay;
                any |= free & (moved > V_th);
            }
            if (any)
                for (int i = begin; i < end; i++)
                    if (V[i] > V_th)
                    {
                        fired.push_back(i);
                        V[i] = V_reset;
                        F[i] = now + 1 + held;
                    }
        }
        spikes += (long)fired.size();
    }
};

struct Given  // spikes that come from outside, ordered by step
{
    Cells step, cell, fired;
    size_t next = 0;

    explicit Given(const std::string &name) : step(read<int32_t>(name + "_step")), cell(read<int32_t>(name + "_cell")) {}

    void advance(int now)
    {
        fired.clear();
        for (; next < step.size() && step[next] == now; next++) fired.push_back(cell[next]);
    }
};

int main(int, char **argument)
{
    folder = argument[1];
    const int steps = atoi(argument[2]), repeats = atoi(argument[3]), delay = 10;
    const Projection to_granule("mossy_fiber_to_granule", 200, 5.6), to_golgi("ascending_axon_to_golgi", 30000, 1),
        from_golgi("golgi_to_granule", 70, 1), parallel("parallel_fiber_to_purkinje", 30000, Real(0.3)),
        climbing("climbing_fiber_to_purkinje", 70, 2000);
    for (int repeat = 0; repeat < repeats; repeat++)
    {
        Population granule("granule", 7, 24.15, -62, -41, -70, 1.5, 5.8, 13.6, 0),
            golgi("golgi", 145, 44, -62, -55, -75, 2, 5, 10, 35), purkinje("purkinje", 334, 47, -59, -43, -69, 0.5, 5, 10, 150);
        Given mossy("mossy_fiber"), olive("inferior_olive");
        std::vector<Cells> granules(delay + 1), golgis(delay + 1), mossies(delay + 1), olives(delay + 1);
        const clock_t begun = clock();
        for (int now = 0; now < steps; now++)
        {
            granule.step(now);
            golgi.step(now);
            purkinje.step(now);
            mossy.advance(now);
            olive.advance(now);
            const int here = now % (delay + 1), due = (now + 1) % (delay + 1);
            granules[here] = granule.fired;
            golgis[here] = golgi.fired;
            mossies[here] = mossy.fired;
            olives[here] = olive.fired;
            to_granule.deliver(mossies[due], granule.excitatory);
            from_golgi.deliver(golgis[due], granule.inhibitory);
            to_golgi.deliver(granules[due], golgi.excitatory);
            parallel.deliver(granules[due], purkinje.excitatory);
            climbing.deliver(olives[due], purkinje.excitatory);
        }
        printf("%.4f %ld %ld %ld\n", (double)(clock() - begun) / CLOCKS_PER_SEC, granule.spikes, golgi.spikes,
               purkinje.spikes);
    }
}

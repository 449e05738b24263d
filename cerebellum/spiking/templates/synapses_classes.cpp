{% macro cpp_file() %}
{% endmacro %}

{% macro h_file() %}
#ifndef _BRIAN_SYNAPSES_H
#define _BRIAN_SYNAPSES_H

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <iostream>
#include <vector>

using namespace std;  // which Brian2's own templates count on

// Spikes under way to the synapses of a pathway, all of one delay: the cells that fired, not the synapses that they
// reach. Those of a cell lie side by side, because synapses are ordered by their source.
class SynapticPathway
{
public:
    vector<int> &sources;
    vector<int32_t> first;                 // synapse of each cell, and one past the last cell's
    vector< vector<int32_t> > queue;  // queue[(now + d) % size]: cells whose spikes arrive in d steps
    int start, stop, now, delay;

    SynapticPathway(vector<int> &_sources, int _start, int _stop)
        : sources(_sources), start(_start), stop(_stop), now(0), delay(0) {}

    template <typename scalar> void prepare(int, int, scalar *delays, int n_delays, int *, int n_synapses, double dt)
    {
        first.assign(stop - start + 1, 0);
        for (int k = 0; k < n_synapses; k++)
        {
            if (k > 0 && sources[k] < sources[k - 1])
                refuse("synapses that are not ordered by their source");
            first[sources[k] - start + 1]++;
        }
        for (int cell = 0; cell < stop - start; cell++)
            first[cell + 1] += first[cell];
        delay = n_delays > 0 ? (int)(delays[0] / dt + 0.5) : 0;
        for (int k = 1; k < n_delays; k++)
            if ((int)(delays[k] / dt + 0.5) != delay)
                refuse("synapses of several delays in one pathway");
        queue.resize(delay + 1);
    }

    void advance()
    {
        queue[now].clear();
        now = (now + 1) % queue.size();
    }

    void push(const int32_t *cells, int n)
    {
        vector<int32_t> &arriving = queue[(now + delay) % queue.size()];
        for (int k = 0; k < n; k++)
            if (cells[k] >= start && cells[k] < stop && first[cells[k] - start] < first[cells[k] - start + 1])
                arriving.push_back(cells[k] - start);
    }

    const vector<int32_t> &peek() const { return queue[now]; }

private:
    static void refuse(const char *what)
    {
        cerr << what << endl;
        exit(1);
    }
};

#endif
{% endmacro %}

{# USES_VARIABLES { N } #}
{% extends 'common_group.cpp' %}
{% block maincode %}
    // Blocks of cells: a loop that compilers turn into vector code steps them and says whether any spiked; only then
    // are those looked for.
    const int _vectorisation_idx = -1;
    {{scalar_code|autoindent}}
    {% set _eventspace = get_array_name(eventspace_variable) %}
    const int _cells = N, _size = 1024, _blocks = (_cells + _size - 1) / _size;
    std::vector<int> _found(_blocks);
    {{openmp_pragma('parallel-static')}}
    for(int _block=0; _block<_blocks; _block++)
    {
        const int _start = _block * _size, _stop = std::min(_cells, _start + _size);
        int64_t _spiked[_size], _any = 0;
        {{hint}}
        for(int _idx=_start; _idx<_stop; _idx++)
        {
            const size_t _vectorisation_idx = _idx;
            {{vector_code|autoindent}}
            _spiked[_idx - _start] = _cond;
            _any |= _spiked[_idx - _start];
        }
        int _events = 0;
        if (_any)
            for(int _idx=_start; _idx<_stop; _idx++)
                if (_spiked[_idx - _start])
                {
                    {{_eventspace}}[_start + _events++] = _idx;
                    {% if _uses_refractory %}
                    {{not_refractory}}[_idx] = false;
                    {{lastspike}}[_idx] = {{t}};
                    {% endif %}
                }
        _found[_block] = _events;
    }
    int _count = 0;
    for(int _block=0; _block<_blocks; _block++)
        for(int _event=0; _event<_found[_block]; _event++)
            {{_eventspace}}[_count++] = {{_eventspace}}[_block * _size + _event];
    {{_eventspace}}[N] = _count;
{% endblock %}

{% block after_code %}
    {% set _eventspace = get_array_name(eventspace_variable) %}
    {{_eventspace}}[N] = 0;
{% endblock %}

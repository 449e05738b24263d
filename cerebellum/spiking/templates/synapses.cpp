{% extends 'common_synapses.cpp' %}
{% block maincode %}
    {# USES_VARIABLES { _synaptic_pre } #}
    const size_t _vectorisation_idx = -1;
    {{scalar_code|autoindent}}
    const vector<int32_t> &_spiking = {{pathway.name}}.peek();
    const int32_t *_first = {{pathway.name}}.first.data();
    for(size_t _spike=0; _spike<_spiking.size(); _spike++)
    {
        const int _last = _first[_spiking[_spike] + 1];
        for(int _idx=_first[_spiking[_spike]]; _idx<_last; _idx++)
        {
            const size_t _vectorisation_idx = _idx;
            {{vector_code|autoindent}}
        }
    }
{% endblock %}

{% block extra_functions_cpp %}
{% endblock %}

{% block extra_functions_h %}
{% endblock %}

{% macro main_finalise() %}
{% endmacro %}

"""E-GLIF cells in NESTML, the language from which NEST builds cells that it does not have itself."""

from __future__ import annotations

from pathlib import Path

from cerebellum.connectome.connectome import Connectome
from cerebellum.exchange import sonata
from cerebellum.exchange.nest_cells import NESTML_CELL

_TEXT = """\
# {name}: extended generalised leaky integrate-and-fire cell with {ports} alpha conductances and a stochastic threshold.
#
# Geminiani A et al. (2018) Front Neuroinform 12:88; the leak has the published plus sign. The hazard
# lambda_0 exp((V - V_th) / tau_V) is integrated against one Exp(1) draw a spike. Written by `cerebellum export`;
# parameters are in components/cells. Build it with
#     pynestml.frontend.pynestml_frontend.generate_nest_target(input_path="nestml", module_name="cerebellum_cells")
model {name}:
    state:
        V_m mV = V_init
        I_adap pA = 0 pA
        I_dep pA = 0 pA
        refr_t ms = 0 ms
        left real = -ln(random_uniform(0, 1))    # of the hazard until the next spike

    equations:
{kernels}
        inline I_syn pA = {currents}
        V_m' = (C_m / tau_m * (V_m - E_L) - I_adap + I_dep + I_e + I_stim + I_syn) / C_m
        I_adap' = k_adap * (V_m - E_L) - k_2 * I_adap
        I_dep' = -k_1 * I_dep

    parameters:
        C_m pF = 145 pF
        tau_m ms = 44 ms
        E_L mV = -62 mV
        t_ref ms = 2 ms
        V_reset mV = -75 mV
        V_th mV = -55 mV
        V_init mV = -60 mV
        V_min mV = -150 mV
        I_e pA = 16.214 pA
        k_adap nS/ms = 0.217 nS/ms
        k_1 1/ms = 0.031 1/ms
        k_2 1/ms = 0.023 1/ms
        A1 pA = 259.988 pA
        A2 pA = 178.01 pA
        lambda_0 1/ms = 0.15 1/ms
        tau_V mV = 0.09 mV
{receptors}

    input:
{inputs}
        I_stim pA <- continuous

    output:
        spike

    update:
        if refr_t > 0 ms:
            # held at the reset; currents and conductances go on
            integrate_odes(I_adap, I_dep)
            refr_t -= timestep()
        else:
            integrate_odes(V_m, I_adap, I_dep)
            V_m = max(V_m, V_min)
            left -= timestep() * lambda_0 * exp(min((V_m - V_th) / tau_V, 20.0))

    onCondition(left <= 0):
        V_m = V_reset
        I_dep = A1
        I_adap += A2
        refr_t = t_ref
        left = -ln(random_uniform(0, 1))
        emit_spike()
"""


def model(ports: int) -> str:
    """The cell with receptors numbered from 1."""
    numbers = range(1, ports + 1)
    kernels = [f"        kernel g_{n} = (e / tau_syn{n}) * t * exp(-t / tau_syn{n})" for n in numbers]
    currents = [f"(g_tonic{n} + unit * convolve(g_{n}, spikes_{n})) * (E_rev{n} - V_m)" for n in numbers]
    receptors = [
        f"        tau_syn{n} ms = 1 ms\n        E_rev{n} mV = 0 mV\n        g_tonic{n} nS = 0 nS" for n in numbers
    ]
    return _TEXT.format(
        name=f"{NESTML_CELL}_{ports}",
        ports=ports,
        kernels="\n".join(kernels),
        currents=" + ".join(currents) or "0 pA",
        receptors="\n".join([*receptors, "        unit nS = 1 nS"]),
        inputs="\n".join(f"        spikes_{n} <- spike" for n in numbers),
    )


def write(connectome: Connectome, folder: Path) -> None:
    """One file for each number of receptors that E-GLIF cells of the circuit have; no folder if there are none."""
    prefix = f"nest:{NESTML_CELL}_"
    wanted = {cells.template for cells in sonata.populations(connectome).values() if cells.template.startswith(prefix)}
    for template in sorted(wanted):
        folder.mkdir(exist_ok=True)
        ports = int(template.removeprefix(prefix))
        (folder / f"{NESTML_CELL}_{ports}.nestml").write_text(model(ports))

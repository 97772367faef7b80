"""Every word of a plan's page in English and Chinese."""

from __future__ import annotations

from computenet.report.labels import Labels, labels_of
from computenet.report.view import Lang

__all__ = ["LIMITS", "WORDS", "PlanWords"]

#: key: (English, Chinese). Words in braces are filled in by the page.
WORDS: dict[str, tuple[str, str]] = {
    "page": ("Capacity plan", "算力布局规划"),
    "heading": ("{stages}: {sites} candidate sites, {regions} demand regions · base year {base}, "
                "discount rate {rate}",
                "{stages}：{sites} 个候选站点、{regions} 个需求区域 · "
                "基准年 {base}，折现率 {rate}"),
    "made": ("Planned in {seconds} by computenet {version}; money in CNY of {base}.",
             "由 computenet {version} 规划，用时 {seconds}；金额为 {base} 年不变价人民币。"),
    "stage": ("stage", "阶段"),
    "stage_of": ("Stage {stage}", "{stage} 阶段"),
    "site": ("site", "站点"),
    "region": ("region", "需求区域"),
    "class": ("class", "业务类别"),
    "part": ("part", "构成"),
    "total": ("total", "合计"),
    "all": ("all", "全部"),
    "yes": ("yes", "是"),
    "no": ("no", "否"),
    "planned": ("planned", "规划"),
    "simulated": ("simulated", "仿真"),
    "gap": ("gap", "差距"),
    "tonnes": ("{value} t", "{value}吨"),
    # headline
    "cards": ("At a glance", "规划要点"),
    "cost": ("Present cost", "总成本现值"),
    "cost_sub": ("investment and operation of all stages, discounted to {base}",
                 "各阶段投资与运行费用，折现至 {base} 年"),
    "bound": ("No plan costs less than", "任何方案不低于"),
    "bound_sub": ("this plan is within {gap} of it ({status})",
                  "本规划距该下界不超过 {gap}（{status}）"),
    "investment": ("Investment", "总投资"),
    "investment_sub": ("paid over the stages, not discounted; chips {chips}",
                       "各阶段支出合计，未折现；其中加速卡 {chips}"),
    "eflops": ("New compute", "新增算力"),
    "eflops_sub": ("dense FP16 bought in all stages; {there} installed in {stage}",
                   "各阶段采购合计（稠密 FP16）；{stage} 年在役 {there}"),
    "halls": ("New halls", "新建机房"),
    "halls_sub": ("of IT power at {sites} sites, by {stage}",
                  "IT 功率，{sites} 个站点，至 {stage} 年"),
    "green": ("Green share in {stage}", "{stage} 年绿电占比"),
    "green_sub": ("of all electricity; at hubs {hubs}", "占全部用电；枢纽站点 {hubs}"),
    "carbon": ("Emissions in {stage}", "{stage} 年碳排放"),
    "carbon_sub": ("a year, location-based; {power} MWh of electricity",
                   "年排放，区域电网法；用电 {power}千瓦时"),
    "met": ("Targets met", "达标项"),
    "met_sub": ("in the plan's own figures, each site and stage",
                "按规划数值，逐站点、逐阶段"),
    "met_pue": ("; besides, PUE caps {met} of {of}, which follow from the data",
                "；另有 PUE 上限 {met} / {of}（由数据决定）"),
    "status_optimal": ("the gap asked for", "达到要求的间隙"),
    "status_time limit": ("time limit", "到达时限"),
    "status_search ended": ("search ended", "搜索结束"),
    "note_status": ("The search ended before the gap asked for was reached ({status}); the bound "
                    "holds all the same.",
                    "搜索在达到要求的间隙之前结束（{status}）；下界依然成立。"),
    "note_unmet": ("{share} of the demand of all stages is not served by this plan.",
                   "本规划有 {share} 的需求（各阶段合计）未被满足。"),
    "note_simple": ("Electricity is planned, and verified, with weather and plant (energy.model = "
                    "full); the scenario's own runs leave them out (simple).",
                    "规划与校核均计入气象与场站发电（energy.model = full），"
                    "而该场景自身的运行不含（simple）。"),
    # the gap between plan and simulation
    "checked": ("Plan against simulation", "规划与仿真的差距"),
    "round_one": ("one round", "1 轮"),
    "round_many": ("{n} rounds", "{n} 轮"),
    "agreed": ("Plan and simulation agree after {rounds}", "经 {rounds}，规划与仿真一致"),
    "differ": ("Plan and simulation still differ after {rounds}",
               "经 {rounds}，规划与仿真仍有差距"),
    "stopped": ("There was no further round, since no new plan could be made: {why}",
                "未能给出新的规划，因此没有继续下一轮：{why}"),
    "agreed_note": ("Every stage was simulated on its representative days, job by job and request "
                    "by request (a sample where they are many), under the policy “{policy}”. "
                    "{targets}",
                    "各阶段在代表日上逐作业、逐请求仿真（请求量大时抽样），调度策略为“{policy}”。{targets}"),
    "simulated_meets": ("The simulation meets the plan's targets of green power and latency "
                        "coverage.", "仿真结果达到规划的绿电与时延覆盖目标。"),
    "simulated_misses": ("The simulation misses some of the plan's targets of green power or "
                         "latency coverage.", "仿真结果未全部达到规划的绿电与时延覆盖目标。"),
    "agreed_price": ("What the simulation showed changed the plan's present cost from {first} to "
                     "{last} ({more}).",
                     "按仿真结果修正后，规划总成本现值由 {first} 变为 {last}（{more}）。"),
    "not_simulated": ("This plan was not simulated: its figures are the optimiser's own. "
                      "“computenet plan --verify” simulates it and states the gap here.",
                      "本规划未经仿真校核，数值均为优化模型所得。"
                      "“computenet plan --verify”将进行仿真并在此给出差距。"),
    "gap_cost": ("Cost of operation", "运行成本"),
    "gap_cost_sub": ("simulated over planned; of all cost {total}; asked: ± {within}",
                     "仿真相对规划；占总成本 {total}；要求 ± {within}"),
    "gap_energy": ("Electricity", "用电量"),
    "gap_energy_sub": ("simulated over planned, worst stage; asked: ± {within}",
                       "仿真相对规划，最差阶段；要求 ± {within}"),
    "gap_service": ("Service short by", "服务缺口"),
    "gap_service_sub": ("worst class and stage, points; asked: {within} at most",
                        "最差类别与阶段，百分点；要求不超过 {within}"),
    "gap_green": ("Green share short by", "绿电缺口"),
    "gap_green_sub": ("worst site with a target, points; asked: {within} at most",
                      "有目标的最差站点，百分点；要求不超过 {within}"),
    "gap_delay": ("Jobs wait over run", "作业等待与运行之比"),
    "gap_delay_sub": ("accelerator-hours, worst stage; asked: {within} at most",
                      "按加速卡时计，最差阶段；要求不超过 {within}"),
    "no_shortfall": ("nothing", "无缺口"),
    # sections, as the page's head names them
    "nav_cards": ("Overview", "要点"),
    "nav_checked": ("Plan vs simulation", "仿真差距"),
    "nav_map": ("Map", "布局图"),
    "nav_buildout": ("Build-out", "建设规模"),
    "nav_chips": ("Accelerators", "加速卡"),
    "nav_power": ("Electricity", "电力"),
    "nav_costs": ("Cost", "成本"),
    "nav_targets": ("Targets", "目标"),
    "nav_served": ("Service", "服务"),
    "nav_alternatives": ("Alternatives", "备选"),
    "nav_pareto": ("Trade-offs", "权衡"),
    "nav_verification": ("Verification", "校核"),
    "nav_sources": ("Sources", "依据"),
    "nav_limits": ("Limits", "局限"),
    # map
    "map": ("Build-out on the map", "分阶段建设布局图"),
    "map_note": ("The slider moves through the stages. Discs: IT power in use (area), filled by "
                 "green share; the ring around a disc is the room of its halls, orange where halls "
                 "are new. Round: national hubs; square: others. Lines: links in use; orange: with "
                 "waves that the plan lit.",
                 "拖动滑块查看各阶段。圆面：在用 IT 功率（面积），颜色为绿电占比；外环：机房容量，"
                 "橙色表示含新建机房。圆形：国家枢纽；方形：其他站点。线条：在用链路；"
                 "橙色：规划新开波道。"),
    "map_foot": ("Below a site's name: IT power in use, MW. Names that would cover others are left "
                 "out; the pointer shows them.",
                 "站点名称下方：在用 IT 功率，MW。会相互遮挡的名称从略，指针悬停可见。"),
    "in_use": ("IT power in use", "在用 IT 功率"),
    "room": ("Halls", "机房容量"),
    "room_new": ("Halls, new among them", "机房容量（含新建）"),
    "links_same": ("Links in use", "在用链路"),
    "links_lit": ("Links with waves of the plan", "规划新开波道链路"),
    "unused": ("Candidates not used", "未启用的候选站点"),
    # build-out
    "buildout": ("Build-out by year", "分年建设规模"),
    "buildout_note": ("IT power in use by site, and the accelerators, halls, generation and "
                      "storage behind it.",
                      "各站点在用 IT 功率，以及对应的加速卡、机房、发电与储能。"),
    "axis_mw": ("IT power in use, MW", "在用 IT 功率，MW"),
    "others": ("{n} other sites", "其他 {n} 个站点"),
    "sites": ("Sites by stage", "分阶段站点明细"),
    "sites_note": ("Quantities in service in the stage. Occupancy is nameplate power in use over "
                   "the power of the halls in use, which the target asks for; beside it over all "
                   "halls there are. Halls of today that are not needed are taken as closed.",
                   "各阶段在役规模。上架率为在用铭牌功率与在用机房功率之比（目标按此计）；"
                   "旁列为与全部机房功率之比。不再需要的原有机房视为关闭。"),
    "begun": ("begun", "开工"),
    "hub": ("hub", "枢纽"),
    "halls_new": ("new halls, MW", "新建机房，MW"),
    "halls_old": ("older halls in use, MW", "在用原有机房，MW"),
    "halls_there": ("all halls, MW", "全部机房，MW"),
    "accelerators": ("accelerators", "加速卡"),
    "pv": ("PV, MW", "光伏，MW"),
    "wind": ("wind, MW", "风电，MW"),
    "battery": ("battery, MWh", "储能，MWh"),
    "pue": ("PUE", "PUE"),
    "occupancy": ("occupancy, halls in use", "上架率（在用机房）"),
    "occupancy_there": ("occupancy, all halls", "上架率（全部机房）"),
    "green_col": ("green", "绿电"),
    # accelerators
    "chips": ("Accelerators bought", "加速卡采购"),
    "chips_note": ("Bought in each stage, by type; the line is the compute installed.",
                   "各阶段分型号采购量；折线为在役算力。"),
    "chips_none": ("No accelerator is bought: those of today do the work of all stages.",
                   "各阶段均未采购加速卡：现有加速卡可承担全部需求。"),
    "axis_chips": ("accelerators bought", "采购加速卡"),
    "axis_eflops": ("installed, EFLOPS FP16", "在役算力，EFLOPS FP16"),
    "installed": ("installed compute", "在役算力"),
    # electricity
    "power": ("Electricity by source", "电力来源"),
    "power_note": ("A year's electricity of all sites by source; below, green over all electricity "
                   "of each site against its target (line).",
                   "上图：全部站点年用电量按来源；下图：各站点绿电占比与目标（横线）。"),
    "axis_gwh": ("GWh a year", "GWh/年"),
    "axis_green": ("green share, %", "绿电占比，%"),
    "source_own": ("built by the plan: PV and wind", "规划新建光伏与风电"),
    "source_today": ("generators of today", "现有场站发电"),
    "source_green": ("grid, green contracts", "电网：绿电合同"),
    "source_grid": ("grid, other", "电网：其他"),
    "source_unserved": ("not supplied", "未供电量"),
    "target": ("target", "目标"),
    # cost
    "costs": ("What it costs", "成本构成"),
    "costs_note": ("Present value by part, adding up to the plan's cost; below, money paid for "
                   "building and what a year costs to run, by stage.",
                   "按构成的现值，累计为规划总成本；下图为各阶段建设支出与年运行费用。"),
    "axis_present": ("present value, {unit}", "现值，{unit}"),
    "axis_paid": ("paid for building, {unit}", "建设支出，{unit}"),
    "axis_yearly": ("a year's operation, {unit}", "年运行费用，{unit}"),
    "unit_1": ("CNY", "元"),
    "unit_10000": ("CNY 10,000", "万元"),
    "unit_1000000": ("million CNY", "百万元"),
    "unit_100000000": ("CNY 100 million", "亿元"),
    "unit_1000000000": ("billion CNY", "十亿元"),
    "present": ("present value", "现值"),
    "share": ("share", "占比"),
    "part_opening": ("land and connection", "土地与接入"),
    "part_halls": ("halls", "机房"),
    "part_chips": ("accelerators", "加速卡"),
    "part_pv": ("PV", "光伏"),
    "part_wind": ("wind", "风电"),
    "part_battery": ("batteries", "储能"),
    "part_waves": ("fibre waves", "光纤波道"),
    "part_network": ("data transfer", "数据传输"),
    "part_unmet demand": ("demand not served", "未满足需求损失"),
    "part_grid energy": ("grid energy", "电网电量电费"),
    "part_peak charge": ("peak charge", "容（需）量电费"),
    "part_green premium": ("green premium", "绿电溢价"),
    "part_carbon": ("carbon", "碳成本"),
    "part_generation of today": ("generation of today", "现有场站发电"),
    "part_battery wear": ("battery wear", "储能损耗"),
    "part_unserved power": ("power not supplied", "缺电损失"),
    "part_green shortfall": ("green shortfall", "绿电缺口罚金"),
    "part_over the cap": ("over the carbon cap", "超出碳限额罚金"),
    # targets
    "targets": ("Targets", "目标与约束"),
    "targets_note": ("Each target at its worst stage and place; the margin is what is left to the "
                     "limit, positive = met. PUE follows from the halls there are and from how "
                     "fast they are refitted: its cap keeps new halls away, and verification does "
                     "not ask for it.",
                     "每项目标取最差阶段与位置；裕度为距限值的余量，正值为达标。"
                     "PUE 由现有机房及其改造进度决定：其上限只限制新建机房，不作为校核要求。"),
    "targets_all": ("All {n} targets by stage and place", "全部 {n} 项（按阶段与位置）"),
    "where": ("where", "位置"),
    "limit": ("limit", "限值"),
    "result": ("result", "结果"),
    "margin": ("margin", "裕度"),
    "met_col": ("met", "达标"),
    "no_targets": ("The planning data set no targets.", "规划数据未设目标。"),
    "target_share of new compute in hubs": ("new compute in hubs", "新增算力中枢纽占比"),
    "target_latency coverage": ("latency coverage", "时延覆盖率"),
    "target_demand served": ("demand served", "需求满足率"),
    "target_green share": ("green share", "绿电占比"),
    "target_rack occupancy of halls in use": ("rack occupancy of halls in use",
                                              "在用机房上架率"),
    "target_PUE": ("PUE at most", "PUE 上限"),
    "target_budget, CNY": ("investment, CNY", "投资，元"),
    "target_emissions, kt": ("emissions, kt", "碳排放，千吨"),
    # service
    "coverage": ("Latency coverage by class", "各类业务时延覆盖"),
    "coverage_note": ("Share of each class's demand that is served within its latency circle; "
                      "lines are targets. Jobs have no circle and are not shown.",
                      "各类业务在时延圈内得到服务的比例；横线为目标。作业无时延圈，不列。"),
    "axis_coverage": ("within the latency circle, %", "时延圈内占比，%"),
    "served": ("Where demand is served in {stage}", "{stage} 年需求由何处承担"),
    "served_note": ("Share of each region's demand, all classes in reference accelerators, by the "
                    "site that serves it.",
                    "各需求区域的算力需求（各类合计，按参考加速卡计）由各站点承担的比例。"),
    "unmet": ("not served", "未满足"),
    # binding
    "binding": ("What binds", "起作用的约束"),
    "binding_note": ("Limits at which the plan stands. More room here is where more would pay.",
                     "规划恰处于限值的约束；放宽这些约束可能降低成本。"),
    "binding_none": ("No limit holds the plan back.", "没有约束限制本规划。"),
    "bind_supply": ("{stages}: all accelerators that can be had are bought ({value}): {where}.",
                    "{stages}：已按供应上限采购加速卡（{value}）：{where}。"),
    "bind_halls": ("{stages}: halls are as large as they may be ({value} MW) at {where}.",
                   "{stages}：机房已达允许上限（{value} MW）：{where}。"),
    "bind_pv": ("{stages}: PV is at its limit ({value} MW) at {where}.",
                "{stages}：光伏已达上限（{value} MW）：{where}。"),
    "bind_wind": ("{stages}: wind is at its limit ({value} MW) at {where}.",
                  "{stages}：风电已达上限（{value} MW）：{where}。"),
    "bind_battery": ("{stages}: batteries are at their limit ({value} MW) at {where}.",
                     "{stages}：储能已达上限（{value} MW）：{where}。"),
    "bind_target": ("{stages}: {target} stands at its limit, {value}: {where}.",
                    "{stages}：{target}恰为限值 {value}：{where}。"),
    # alternatives
    "alternatives": ("Near-optimal alternatives", "成本相近的其他布局"),
    "alternatives_note": ("Layouts that cost little more than the plan and differ most from it and "
                          "from one another: the room there is to choose by other reasons. Bars: "
                          "IT power in the last stage.",
                          "成本略高而布局差异最大的方案，即可按其他理由取舍的余地。"
                          "柱形为最后阶段在用 IT 功率。"),
    "alternatives_same": ("Further searches that found no layout that differs more: {n}.",
                          "另有 {n} 次搜索未得到差异更大的布局。"),
    "cheaper": ("Some cost up to {less} less than the plan: the plan is proved to within {gap} of "
                "the least cost only. A smaller --gap brings it down.",
                "部分方案的成本比本规划低，最多低 {less}：本规划仅证明距最优不超过 {gap}，"
                "减小 --gap 可使其更接近最优。"),
    "alternatives_none": ("Not asked for (--alternatives N).", "未要求计算（--alternatives N）。"),
    "alternative": ("layout", "布局"),
    "alternative_n": ("alternative {n}", "备选 {n}"),
    "the_plan": ("the plan", "本规划"),
    "over": ("over the plan", "相对本规划"),
    "elsewhere": ("IT power elsewhere", "IT 功率异地占比"),
    "sites_begun": ("sites begun", "开工站点"),
    "emissions": ("emissions, kt", "碳排放，千吨"),
    "changes": ("most moved, MW", "主要变动，MW"),
    # fronts
    "pareto": ("What less carbon, or more coverage, costs", "减碳与提高覆盖的代价"),
    "pareto_note": ("Each point is a whole plan: least cost (dot) and its bound (line below) where "
                    "emissions are capped, or coverage is asked for.",
                    "每个点为一个完整规划：限定排放或要求覆盖率时的最低成本（点）及其下界（下方横线）。"),
    "pareto_none": ("Not asked for (--pareto N).", "未要求计算（--pareto N）。"),
    "front_carbon": ("Cost against carbon", "成本与碳排放"),
    "front_coverage": ("Cost against coverage: {what}", "成本与时延覆盖：{what}"),
    "axis_emissions": ("emissions of all stages, kt", "各阶段总排放，千吨"),
    "axis_coverage_of": ("coverage, %", "覆盖率，%"),
    "axis_cost": ("present cost, {unit}", "总成本现值，{unit}"),
    "least_cost": ("least cost", "最低成本"),
    "lower_bound": ("bound", "下界"),
    # verification
    "verification": ("Verification by simulation", "仿真校核"),
    "verification_note": ("Planned and simulated side by side, by stage.",
                          "分阶段规划值与仿真值对照。"),
    "axis_operation": ("a year's operation, {unit}", "年运行成本，{unit}"),
    "axis_electricity": ("electricity, GWh", "用电，GWh"),
    "by_class": ("By class", "按业务类别"),
    "class_planned": ("coverage planned", "规划覆盖率"),
    "class_circle": ("coverage simulated", "仿真覆盖率"),
    "class_attainable": ("SLO if nothing waited", "无等待时 SLO"),
    "class_attained": ("SLO met", "实际 SLO 达成"),
    "class_gap": ("short by", "缺口"),
    "by_site": ("By site", "按站点"),
    "site_gwh": ("electricity, GWh", "用电，GWh"),
    "site_green": ("green share", "绿电占比"),
    "rounds": ("Rounds", "迭代轮次"),
    "rounds_note": ("Each round plans, simulates, and corrects the plan's assumptions by what the "
                    "simulation showed.", "每轮先规划、再仿真，并按仿真结果修正规划假设。"),
    "round": ("round", "轮次"),
    "round_cost": ("cost gap", "成本差距"),
    "round_energy": ("energy gap", "用电差距"),
    "round_service": ("service short", "服务缺口"),
    "round_green": ("green short", "绿电缺口"),
    "round_delay": ("wait over run", "等待/运行"),
    "round_targets": ("targets met", "目标达成"),
    "derated": ("What was corrected", "修正的假设"),
    "derated_note": ("What the plan that stands counts on, over the planning data's own figures.",
                     "最终规划所用假设相对规划数据原值的调整。"),
    "derated_none": ("Nothing had to be corrected.", "无需修正。"),
    "derated_not": ("Nothing was corrected: no round was left.", "轮次用尽，未作修正。"),
    "derate_room": ("Accelerators for the same load, {where}: {more}",
                    "同等负载所需加速卡，{where}：{more}"),
    "derate_draw": ("Power of accelerators: {more}", "加速卡功率：{more}"),
    "derate_own": ("Yield of wind and sun that is used: {more}", "可利用的风光出力：{more}"),
    "derate_price": ("Cost of grid energy, for want of foresight: {more}",
                     "电量电费（实际运行无预知）：{more}"),
    "derate_peak": ("Peak charge: {more}", "容（需）量电费：{more}"),
    "derate_network": ("Cost of data transfer: {more}", "数据传输费用：{more}"),
    "derate_green": ("Green share planned at {where}: {points} points more",
                     "{where} 规划绿电占比：提高 {points} 个百分点"),
    # the rest
    "days": ("Representative days", "代表日"),
    "days_note": ("Each stage is planned hour by hour on these days, which stand for the year.",
                  "每阶段在以下代表日上逐时规划，以代表全年。"),
    "day": ("day", "日期"),
    "kind": ("kind", "类型"),
    "stands": ("stands for, days", "代表天数"),
    "kind_typical": ("typical", "典型日"),
    "kind_least wind and sun": ("least wind and sun", "风光出力最低"),
    "kind_highest net load": ("highest net load", "净负荷最高"),
    "sources": ("What the numbers stand on", "数据依据"),
    "sources_note": ("Planning data first, then topology and workload: every number with its "
                     "source and grade. Assumed numbers can change the plan; a study of them says "
                     "which do.",
                     "依次为规划数据、拓扑与负载：每个数值均附来源与等级。假设值可能改变规划结果，"
                     "可用敏感性研究判断其影响。"),
    "limits": ("What the plan is not valid for", "本规划不适用的范围"),
}  # fmt: skip

LIMITS: tuple[tuple[str, str], ...] = (
    ("A forecast: demand, prices and chip supply follow the growth rates of the planning data; the "
     "plan is the least costly answer to them, not a prediction.",
     "并非预测：需求、价格与芯片供应均按规划数据的增长率推算；规划是对这些假设的最低成本回应。"),
    ("Days between the representative ones: weather is a typical year's, cut down to a few days; "
     "runs of bad days longer than one are not planned for.",
     "代表日之外的日期：气象为典型年并压缩为少数代表日，未考虑连续多日的不利天气。"),
    ("Foresight: the plan knows every hour's price, weather and demand. What operation without it "
     "costs more shows only where the plan was simulated.",
     "完全预知：规划已知每小时电价、天气与需求；实际运行的额外成本仅在经仿真校核后体现。"),
    ("Failures and spares: equipment does not break down in the plan, and no reserve is kept "
     "beyond the utilisations set.",
     "故障与备用：规划中设备不发生故障，除设定的利用率外不留备用。"),
    ("Single buildings, racks, water, land or grid-connection queues: sites are points with halls "
     "in MW, and what is begun is ready in its stage.",
     "单体建筑、机柜、用水、土地及并网排队：站点以机房功率（MW）表示，开工即在当阶段投用。"),
    ("Fractions: accelerators, halls and plant are continuous amounts; only openings and fibre "
     "waves are whole.",
     "零散数量：加速卡、机房与场站均为连续量，仅开工与光纤波道取整。"),
)  # fmt: skip


class PlanWords:
    """The words of a plan's page in one language.

    Attributes
    ----------
    lang
        ``en`` or ``zh``.
    label
        The words that all reports share.
    """

    def __init__(self, lang: Lang) -> None:
        self.lang: Lang = lang
        self.label: Labels = labels_of(lang)
        self._column = 0 if lang == "en" else 1

    def __call__(self, key: str, **parts: object) -> str:
        """Return a word with its parts filled in; an unknown key is a `KeyError`."""
        text = WORDS[key][self._column]
        return text.format(**parts) if parts else text

    def or_own(self, prefix: str, key: object) -> str:
        """Return the word ``prefix + key``, or the key itself where there is none."""
        known = WORDS.get(f"{prefix}{key}")
        return known[self._column] if known else str(key)

    def limits(self) -> list[str]:
        """Return what plans are not valid for."""
        return [pair[self._column] for pair in LIMITS]

    def list(self, items: list[str]) -> str:
        """Return items as a list in words."""
        return ("、" if self.lang == "zh" else ", ").join(items)

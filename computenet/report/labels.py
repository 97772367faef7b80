"""Every word of the report in English and Chinese."""

from __future__ import annotations

from computenet.report.view import Lang

__all__ = ["LABELS", "LIMITS", "Labels", "labels_of"]

#: key: (English, Chinese). Words in braces are filled in by the page.
LABELS: dict[str, tuple[str, str]] = {
    "report": ("Simulation report", "仿真报告"),
    "policy": ("Policy", "调度策略"),
    "span": ("Span", "时段"),
    "days": ("{n} d", "{n} 天"),
    "seed": ("Seed", "随机种子"),
    "version": ("Version", "版本"),
    "topology": ("Topology", "拓扑"),
    "sites_pools": ("{sites} sites, {pools} pools, {regions} demand regions",
                    "{sites} 个站点、{pools} 个资源池、{regions} 个需求区域"),
    "contents": ("Contents", "目录"),
    "sampling_one": ("Every job and every request was simulated one by one.",
                     "全部作业与推理请求均逐一仿真。"),
    "sampling_many": ("Requests are sampled: one replica in {k} and one request in {k} was "
                      "simulated, and totals are scaled by {k}. Jobs were simulated one by one.",
                      "推理请求为抽样仿真:每 {k} 个副本取 1 个、每 {k} 个请求取 1 个,总量按 {k} 倍放大;"
                      "作业逐一仿真。"),
    "sampling_windows": ("Requests were simulated in windows of {window} h every {period} h: "
                         "latencies and SLO are those of the windows; between them arrivals are "
                         "the expected ones, and the energy of serving is estimated from simulated "
                         "slots with nearly as much work.",
                         "推理请求仅在时间窗内仿真(每 {period} 小时仿真 {window} 小时):时延与 SLO 取自时间窗;"
                         "其余时段到达量取期望值,推理能耗由负载相近的已仿真时隙估计。"),
    # cards
    "key_figures": ("Key figures", "关键指标"),
    "utilisation": ("Accelerator utilisation", "加速卡利用率"),
    "utilisation_sub": ("jobs {jobs}, serving {serving}", "作业 {jobs},推理 {serving}"),
    "eflops": ("Compute installed", "装机算力"),
    "eflops_sub": ("{delivered} delivered on average; dense FP16", "平均交付 {delivered};稠密 FP16"),
    "jobs_completed": ("Jobs completed", "完成作业"),
    "jobs_sub": ("of {submitted} submitted; mean wait {wait}", "共提交 {submitted};平均等待 {wait}"),
    "requests_served": ("Requests served", "完成请求"),
    "requests_sub": ("SLO met by {slo}; {dropped} dropped", "SLO 达成率 {slo};丢弃 {dropped}"),
    "ttft": ("Time to first token, p50", "首词元时延 TTFT p50"),
    "ttft_sub": ("p95 {p95}, p99 {p99}", "p95 {p95},p99 {p99}"),
    "energy": ("Facility energy", "总用电量"),
    "energy_sub": ("PUE {pue}; IT {it}", "PUE {pue};IT {it}"),
    "cost": ("Cost", "成本"),
    "cost_sub": ("energy {energy}, network {network}", "用电 {energy},网络 {network}"),
    "carbon": ("Carbon (location-based)", "碳排放(区域电网法)"),
    "carbon_sub": ("{intensity} kg per EFLOP·h", "每 EFLOP·h {intensity} kg"),
    "green": ("Green share, annual", "绿电占比(年度)"),
    "green_sub": ("matched hour by hour {hourly}", "逐时匹配 {hourly}"),
    "water": ("Water", "用水量"),
    "water_sub": ("{rate} L per kWh of IT", "每 kWh IT 用电 {rate} L"),
    "network": ("Bulk data moved", "批量数据传输"),
    "network_sub": ("west share of work {west}", "西部承担算量占比 {west}"),
    "targets_met": ("Targets met", "达标项"),
    "targets_sub": ("policy targets by site", "各站点政策目标"),
    # the physical side
    "balance": ("Energy balance", "能量平衡"),
    "balance_note": ("Power of all sites by source; the line is what the facilities draw, charging "
                     "lies above it, curtailment below zero. Weather is a typical year's, not a "
                     "record.",
                     "全部站点按来源的功率;折线为设施用电,储能充电在其上方,弃电在零线以下。"
                     "气象为典型年数据,并非实测。"),
    "axis_sources": ("Power by source, MW", "按来源功率,MW"),
    "axis_pue": ("PUE", "PUE"),
    "axis_temperature": ("Outdoor temperature, °C", "室外温度,°C"),
    "source_pv": ("Solar", "光伏"),
    "source_wind": ("Wind", "风电"),
    "source_storage": ("From storage", "储能放电"),
    "source_grid": ("Grid", "电网"),
    "source_load": ("Facilities", "设施用电"),
    "source_curtailed": ("Curtailed", "弃电"),
    "ledger": ("Where the electricity came from", "电力来源台账"),
    "ledger_note": ("Every megawatt-hour once: on site, direct line, green contracts by annual "
                    "volume, certificates, and what is left with the grid's residual mix.",
                    "每兆瓦时只计一次:就地发电、绿电直连、按年度电量的绿电合同、绿证,"
                    "其余按电网剩余组合计。"),
    "origin_onsite": ("On site", "就地发电"),
    "origin_direct": ("Direct line", "绿电直连"),
    "origin_contract": ("Green contract", "绿电合同"),
    "origin_certificate": ("Certificates", "绿证"),
    "origin_residual": ("Residual mix", "剩余组合"),
    "flows": ("Busiest links", "最繁忙链路"),
    "flows_note": ("Bulk data over capacity, by accounting slot.", "批量数据占链路容量之比,按统计时段。"),
    "axis_link": ("Use, %", "利用率,%"),
    "timeline": ("Failures and shocks", "故障与冲击"),
    "timeline_note": ("{servers} servers failed and stopped {jobs} jobs; {hours} accelerator-hours "
                      "were lost, {dropped} requests dropped, {unserved} MWh not supplied. "
                      "The first 1,000 failures are drawn.",
                      "{servers} 台服务器故障,中断作业 {jobs} 个;损失 {hours} 卡时,"
                      "丢弃请求 {dropped} 个,缺供电 {unserved} MWh。图中绘出前 1,000 次故障。"),
    "event_failure": ("Server failure", "服务器故障"),
    "event_bulk-move": ("Bulk move begins", "批量搬移开始"),
    "event_bulk-move-end": ("Bulk move ends", "批量搬移完成"),
    "moves_note": ("Scheduled bulk moves, hours from the start of the run.",
                   "计划批量搬移;时间自运行开始,以小时计。"),
    "way_waiting": ("not begun", "未开始"),
    "way_best-effort": ("best effort", "尽力而为"),
    "way_dedicated": ("dedicated line", "专线"),
    "way_shipped": ("shipped", "物流运送"),
    "col_move": ("Move", "搬移"),
    "col_way": ("Way", "方式"),
    "col_size": ("Size, TB", "数据量 / TB"),
    "col_finish": ("Done, h", "完成 / h"),
    "col_deadline": ("Deadline, h", "期限 / h"),
    "col_money": ("Cost, CNY", "费用 / 元"),
    "event_jobs-moved": ("Jobs moved", "作业迁移"),
    "event_reclaim": ("Spot capacity taken", "竞价资源回收"),
    "event_site-outage": ("Site outage", "站点中断"),
    "event_site-up": ("Site back", "站点恢复"),
    "event_link-cut": ("Link cut", "链路中断"),
    "event_link-up": ("Link repaired", "链路恢复"),
    "event_grid-event": ("Load shed", "电网减负荷"),
    "event_grid-event-end": ("Load shed ends", "减负荷结束"),
    # sections
    "map": ("Map", "地图"),
    "map_note": ("Circles are sites: area by IT capacity, colour by utilisation. Dots are demand "
                 "regions: area by inference demand. Arcs lead from region to site, width by "
                 "volume; the {n} largest of {all} flows are drawn, {part} of the requests.",
                 "圆为站点:面积表示 IT 容量,颜色表示利用率;圆点为需求区域:面积表示推理需求;"
                 "弧线由需求区域指向站点,粗细表示流量。共 {all} 条流向,图中绘出最大的 {n} 条,"
                 "占请求总量 {part}。"),
    "map_source": ("Borders", "边界数据"),
    "sites": ("Sites", "站点"),
    "regions": ("Demand regions", "需求区域"),
    "request_flows": ("Request flows", "推理请求流向"),
    "job_flows": ("Job data flows", "作业数据流向"),
    "south_china_sea": ("South China Sea Islands", "南海诸岛"),
    "dongsha": ("Dongsha Is.", "东沙群岛"),
    "xisha": ("Xisha Is.", "西沙群岛"),
    "zhongsha": ("Zhongsha Is.", "中沙群岛"),
    "nansha": ("Nansha Is.", "南沙群岛"),
    "diaoyu": ("Diaoyu Dao", "钓鱼岛"),
    "it_capacity": ("IT capacity", "IT 容量"),
    "series": ("Sites over time", "站点时序"),
    "series_note": ("Means over {h} h, local time.", "{h} 小时均值,当地时间。"),
    "tab_power": ("Power", "功率"),
    "tab_utilisation": ("Utilisation", "利用率"),
    "tab_price": ("Price", "电价"),
    "tab_carbon": ("Carbon intensity", "碳强度"),
    "axis_power": ("Facility power, MW", "总功率 / MW"),
    "axis_utilisation": ("Utilisation, %", "利用率 / %"),
    "axis_price": ("Price, CNY/MWh", "电价 /(元/MWh)"),
    "axis_carbon": ("Carbon emitted, t/h", "碳排放 /(吨/小时)"),
    "weighted_mean": ("All sites (weighted by energy)", "全部站点(按用电量加权)"),
    "capacity_mean": ("All sites", "全部站点"),
    "other_sites": ("Other sites", "其他站点"),
    "slo": ("Service objectives met", "服务目标达成率"),
    "slo_note": ("Share of requests within their TTFT and TPOT objectives and their latency "
                 "circle, by region and class. A region with no site in the circle cannot meet it.",
                 "满足 TTFT、TPOT 目标与时延圈的请求占比,按区域与服务类别;时延圈内无站点的区域无法达标。"),
    "slo_attainment": ("SLO attainment", "SLO 达成率"),
    "queues": ("Queues and waiting", "排队与等待"),
    "tab_waiting_jobs": ("Jobs waiting", "等待作业数"),
    "tab_waiting_accelerators": ("Accelerators waited for", "等待中的加速卡需求"),
    "tab_wait": ("Waiting times", "等待时间分布"),
    "axis_wait": ("Wait, s", "等待时间 / 秒"),
    "axis_ccdf": ("Share of jobs waiting longer", "等待更久的作业占比"),
    "wait_note": ("Waiting from submission to start of the jobs that started; {n} jobs had not "
                  "started at the end and are not in the waiting times.",
                  "等待时间按已启动作业自提交至启动计算;期末尚未启动的 {n} 个作业不计入。"),
    "latency": ("Time to first token", "首词元时延"),
    "latency_note": ("Percentiles by service class, network round trip included; one dot per demand "
                     "region.",
                     "各服务类别的分位数,含网络往返时延;每点为一个需求区域。"),
    "axis_ttft": ("TTFT, ms", "TTFT / 毫秒"),
    "plan": ("Plan and prices", "计划与价格"),
    "plan_gap": ("Cost against plan", "实际与计划之差"),
    "plan_gap_sub": ("energy and network, simulated over planned", "用电与网络,仿真相对计划"),
    "plan_expected": ("Planned, CNY", "计划成本 / 元"),
    "plan_simulated": ("Simulated, CNY", "仿真成本 / 元"),
    "plan_money_sub": ("energy and network, without the demand charge", "用电与网络,不含需量电费"),
    "price_note": ("Nodal prices in CNY per accelerator-hour, for jobs and for the replicas of each "
                   "model: what one accelerator more for an hour would save, its power included; "
                   "means over the sets of prices of the run. {mark} marks prices that are not "
                   "unique (degenerate): any in the range goes with the same plan.",
                   "节点价格单位为元/卡时,按作业与各模型副本分列:多一张卡运行一小时(含用电)所能节省的"
                   "成本,取本次运行各组价格的平均。{mark} 表示价格不唯一(对偶退化):区间内任一价格均与"
                   "同一计划相容。"),
    "plan_accelerator": ("Accelerator", "加速卡"),
    "plan_price": ("Nodal price, CNY/accelerator·h", "节点价格,元/卡时"),
    "plan_jobs": ("Jobs", "作业"),
    "plan_model": ("Serving {model}", "推理 {model}"),
    "plan_value": ("Price", "价格"),
    "plan_of": ("Kind", "类别"),
    "plan_item": ("Item", "项目"),
    "plan_unit": ("Unit", "单位"),
    "plan_peak": ("Peak rent", "峰值租金"),
    "plan_power": ("Power", "电力"),
    "plan_link": ("Link rent", "链路租金"),
    "plan_carbon": ("Marginal carbon", "边际碳排放"),
    "plan_other": ("Other", "其他"),
    "plan_idle_links": ("{n} more links have no rent: they are not full.",
                        "另有 {n} 条链路未满载,租金为零。"),
    "unit_g_request": ("g CO₂/request", "克 CO₂/请求"),
    "unit_kg/accelerator-h": ("kg CO₂/accelerator·h", "千克 CO₂/卡时"),
    "unit_CNY/MW-h": ("CNY/MW·h", "元/(MW·h)"),
    "unit_CNY/MWh": ("CNY/MWh", "元/MWh"),
    "unit_CNY/GB": ("CNY/GB", "元/GB"),
    "settlement": ("Settlement at nodal prices", "按节点价格结算"),
    "settlement_note": ("What each region's demand would pay, and each site earn, for the "
                        "accelerator-hours really used, at the prices of the time. Both sums are "
                        "computed on their own, from jobs and requests and from what pools were "
                        "metered to work. Whoever sends over a full link pays its congestion "
                        "rent, which the link earns.",
                        "各区域需求按实际使用的卡时与当时价格应付的金额,以及各站点应得的金额。"
                        "两个合计分别由作业与请求、由资源池计量独立算得。"
                        "经满载链路传输者支付该链路的阻塞租金，由链路收取。"),
    "plan_for_jobs": ("For jobs, CNY", "作业 / 元"),
    "plan_for_requests": ("For requests, CNY", "推理 / 元"),
    "plan_for_links": ("Rents of links, CNY", "链路租金 / 元"),
    "plan_pays": ("Pays, CNY", "应付 / 元"),
    "plan_earns": ("Earns, CNY", "应得 / 元"),
    "plan_moved": ("(jobs moved elsewhere)", "(已迁走的作业)"),
    "plan_part": ("Share", "占比"),
    "map_prices": ("Under a site's name: its mean nodal price for jobs, CNY per accelerator-hour.",
                   "站点名称下方为该站点作业的平均节点价格,元/卡时。"),
    "bound": ("Distance from the bound", "与理论下界的差距"),
    "bound_note": ("A lower bound with perfect foresight: no policy does for less the work "
                   "that this scenario's runs did ({n}). Idle is what a network without any work would "
                   "cost; the gap above it is what decisions on work can move. Status: {status}.",
                   "完全预知下的下界:对该场景的 {n} 次运行所完成的工作,任何策略都不可能更低。"
                   "“空载”为完全没有工作时的值;其上的差距才是调度决策能够影响的部分。状态:{status}。"),
    "bound_cost": ("Cost, CNY", "成本,元"),
    "bound_carbon": ("Carbon, kg", "碳排放,kg"),
    "bound_waiting": ("Jobs waiting, accelerator·h", "作业等待,卡·时"),
    "bound_run": ("This run", "本次运行"),
    "bound_least": ("Bound", "下界"),
    "bound_idle": ("Idle", "空载"),
    "bound_gap": ("Gap", "差距"),
    "bound_gap_above": ("Gap above idle", "空载以上的差距"),
    "targets": ("Targets", "政策目标"),
    "target": ("Target", "目标"),
    "limit": ("Limit", "限值"),
    "result": ("Result", "结果"),
    "margin": ("Margin", "裕度"),
    "status": ("Status", "状态"),
    "met": ("met", "达标"),
    "not_met": ("not met", "未达标"),
    "pue_max": ("PUE at most", "PUE 上限"),
    "green_share_min": ("Green share at least", "绿电占比下限"),
    "rack_occupancy_min": ("Rack occupancy at least", "机柜上架率下限"),
    "no_targets": ("No site of this scenario has a target.", "本场景各站点未设政策目标。"),
    "by_site": ("By site", "分站点"),
    "site_vouchers": ("Energy cost is before vouchers, which pay {voucher} for all sites together; "
                      "{left} are left.",
                      "用电成本为抵扣算力券之前的金额;算力券对全部站点合计抵扣 {voucher},余 {left}。"),
    "by_region": ("By region", "分区域"),
    "fairness": ("Jain's index, lowest and highest of regions:", "区域间 Jain 指数、最低与最高:"),
    "fair_requests_served": ("requests served {jain} ({low} to {high})",
                             "已服务请求占比 {jain}({low} 至 {high})"),
    "fair_slo_attainment": ("service objectives met {jain} ({low} to {high})",
                            "服务目标达成率 {jain}({low} 至 {high})"),
    "fair_work_completed": ("work of jobs completed {jain} ({low} to {high})",
                            "已完成作业工作量占比 {jain}({low} 至 {high})"),
    "revenue": ("Bills of users", "用户账单"),
    "margin_note": ("Accelerator-hours that jobs ran, times the price of their class. Operations "
                    "and regions are two views of the same sum. Bills less the run's cost of "
                    "energy and network: {margin}.",
                    "作业运行卡时乘以类别单价;按运营方式与按区域为同一合计的两种口径。"
                    "账单减去用电与网络成本:{margin}。"),
    "op_reserved": ("Reserved", "预留"),
    "op_on-demand": ("On demand", "按需"),
    "op_spot": ("Spot", "竞价"),
    "col_who": ("Operation or region", "运营方式或区域"),
    "col_hours": ("Accelerator-hours", "卡时"),
    "col_bill": ("Bill", "账单"),
    "col_voucher": ("Vouchers", "算力券抵扣"),
    "col_paid": ("Paid", "实付"),
    "total": ("Total", "合计"),
    "col_site": ("Site", "站点"),
    "col_region": ("Region", "区域"),
    "col_accelerators": ("Accelerators", "加速卡"),
    "col_utilisation": ("Utilisation", "利用率"),
    "col_energy": ("Energy, MWh", "用电量 / MWh"),
    "col_cost": ("Energy cost, CNY", "用电成本 / 元"),
    "col_price": ("CNY/MWh", "元/MWh"),
    "col_carbon": ("Carbon, t", "碳排放 / 吨"),
    "col_water": ("Water, m³", "用水 / m³"),
    "col_green": ("Green share", "绿电占比"),
    "col_jobs_started": ("Jobs started", "启动作业"),
    "col_wait": ("Mean wait", "平均等待"),
    "col_arrived": ("Requests", "请求数"),
    "col_dropped": ("Dropped", "丢弃"),
    "col_slo": ("SLO met", "SLO 达成率"),
    "col_jobs": ("Jobs submitted", "提交作业"),
    "links": ("Busiest links", "最繁忙链路"),
    "col_link": ("Link", "链路"),
    "col_carried": ("Carried, TB", "传输量 / TB"),
    "col_mean_use": ("Mean use", "平均利用率"),
    "col_peak_use": ("Peak use", "峰值利用率"),
    "links_note": ("The {n} of {all} links that carried most bulk data; means over the slots in "
                   "which a link carried something.",
                   "批量数据传输量最大的 {n} 条链路(共 {all} 条);均值按有传输的时段计算。"),
    "events": ("Events", "事件"),
    "col_time": ("Time", "时间"),
    "col_kind": ("Kind", "类型"),
    "col_subject": ("Subject", "对象"),
    "col_detail": ("Detail", "说明"),
    "events_list": ("List of events ({n})", "事件列表({n})"),
    "events_first": ("The first {n} of {all} events.", "共 {all} 个事件,列出前 {n} 个。"),
    "audit": ("Audit", "守恒审计"),
    "audit_note": ("What went in against what came out, computed two ways. Relative residuals of "
                   "sums; jobs and requests are counts and must be 0.",
                   "投入与产出以两种方式核算。各项为相对残差;作业与请求为个数,须为 0。"),
    "col_balance": ("Balance", "平衡项"),
    "col_residual": ("Residual", "残差"),
    "audit_energy_mwh": ("Energy", "电量"),
    "audit_work_accelerator_s": ("Work", "算量"),
    "audit_bytes_gb": ("Bytes", "数据量"),
    "audit_money_cny": ("Money", "费用"),
    "audit_jobs": ("Jobs", "作业"),
    "audit_requests": ("Requests", "请求"),
    "sources": ("What the numbers stand on", "数据依据"),
    "sources_note": ("Every number of the scenario by how far it can be trusted; the least certain "
                     "come first.", "场景中每个数值按可信程度分级,最不确定者列于最前。"),
    "col_grade": ("Grade", "等级"),
    "col_count": ("Numbers", "数值个数"),
    "col_path": ("Number", "数值"),
    "col_value": ("Value", "取值"),
    "col_source": ("Source", "来源"),
    "grade_assumed": ("assumed", "假设"),
    "grade_estimated": ("estimated", "估计"),
    "grade_published": ("published", "公开发布"),
    "grade_measured": ("measured", "实测"),
    "meaning_assumed": ("a judgement without a document behind it", "没有文献支持的判断"),
    "meaning_estimated": ("derived from documents by a stated rule", "按给定规则由文献推算"),
    "meaning_published": ("printed in a document", "文献所载"),
    "meaning_measured": ("observed", "观测所得"),
    "full_list": ("Full list: {n} numbers from {sources} sources",
                  "完整列表:{n} 个数值,{sources} 个来源"),
    "source_list": ("Sources", "来源"),
    "no_sources": ("The run names no sources.", "本次运行未列出数据来源。"),
    "limits": ("Known not valid for", "已知不适用范围"),
    "run": ("This run", "运行信息"),
    "col_name": ("Name", "名称"),
    "notes": ("Notes", "说明"),
    "wall": ("Wall time", "运行耗时"),
    "peak_rss": ("Peak memory", "内存峰值"),
    "machine": ("Machine", "运行环境"),
    "packages": ("Packages", "软件包"),
    "inputs": ("Input hashes", "输入校验值"),
    "no_data": ("Nothing to show: the run has no {what}.", "无可显示内容:本次运行没有{what}。"),
    "what_requests": ("requests", "推理请求"),
    "what_jobs": ("started jobs", "已启动的作业"),
    # the page of a comparison
    "compare_title": ("Comparison of runs", "运行对比"),
    "compare_runs": ("{n} runs", "{n} 次运行"),
    "compare_table": ("Figures", "指标对照"),
    "compare_figures": ("Side by side", "并列图示"),
    "compare_figures_note": ("The bar across a column is the least that its work can cost, even "
                             "with perfect foresight. The axis of SLO attainment does not begin "
                             "at zero.",
                             "柱上横线为完成该次运行同样工作的成本下界(完全预知)。SLO 轴不从零开始。"),
    "compare_cost": ("Cost, million CNY", "成本 / 百万元"),
    "compare_cost_cny": ("Cost, CNY", "成本 / 元"),
    "compare_no_bounds": ("No lower bound was computed.", "未计算成本下界。"),
    "compare_one_bound": ("No policy does the work of these runs for less than CNY {cny}.",
                          "任何策略完成这些运行的工作,成本都不低于 {cny} 元。"),
    "compare_bounds": ("Lower bounds on cost, each for its own layout and work, CNY: {list}.",
                       "成本下界(各按自身布局与工作量),元:{list}。"),
    "change_field_it_capacity_mw": ("IT capacity, MW", "IT 容量,MW"),
    "change_field_count": ("accelerators", "加速卡"),
    "change_field_capacity_gbps": ("capacity, Gbps", "容量,Gbps"),
    "change_field_pue": ("PUE", "PUE"),
    "change_field_serving_share": ("share for serving", "推理占比"),
    "change_field_green_contract_share": ("green contracts", "绿电合同占比"),
    "compare_carbon": ("Carbon, t CO₂", "碳排放 / 吨 CO₂"),
    "compare_slo": ("Requests within their SLO, %", "满足 SLO 的请求 / %"),
    "compare_wait": ("Mean wait of jobs, s", "作业平均等待 / 秒"),
    "compare_bound": ("Lower bound", "成本下界"),
    "cost_energy": ("Energy", "用电"),
    "cost_network": ("Network", "网络"),
    "compare_maps": ("Layouts", "布局"),
    "compare_maps_note": ("Circles are sites by IT capacity, on one scale for all maps; colours "
                          "tell what differs from the base. Under a name: accelerators more or "
                          "less. Thin grey lines are links between sites that are as before.",
                          "圆为站点,面积按 IT 容量,各图同一比例;颜色表示与基准布局的差异。"
                          "名称下方为加速卡增减数。灰色细线为未变化的站点间链路。"),
    "compare_totals": ("{sites} sites, {mw} MW of IT, {accelerators} accelerators, {eflops} EFLOPS "
                       "FP16, {gbps} Gbps of links",
                       "{sites} 个站点,IT {mw} MW,加速卡 {accelerators} 张,{eflops} EFLOPS FP16,"
                       "链路合计 {gbps} Gbps"),
    "compare_changes": ("What differs from the base", "与基准布局的差异"),
    "compare_row_cost, million CNY": ("cost, million CNY", "成本,百万元"),
    "compare_row_energy": ("energy", "用电"),
    "compare_row_network": ("network", "网络"),
    "compare_row_bills of users, million CNY": ("bills of users, million CNY", "用户账单,百万元"),
    "compare_row_carbon, t CO2": ("carbon, t CO₂", "碳排放,吨 CO₂"),
    "compare_row_facility, MWh": ("facility, MWh", "设施用电,MWh"),
    "compare_row_PUE": ("PUE", "PUE"),
    "compare_row_green share": ("green share", "绿电占比"),
    "compare_row_unserved, MWh": ("unserved, MWh", "缺供电,MWh"),
    "compare_row_SLO attainment": ("SLO attainment", "SLO 达成率"),
    "compare_row_lowest region": ("lowest region", "最低区域"),
    "compare_row_Jain's index of regions": ("Jain's index of regions", "区域 Jain 公平指数"),
    "compare_row_TTFT p50 / p99, ms": ("TTFT p50 / p99, ms", "首词元时延 p50 / p99,毫秒"),
    "compare_row_requests dropped": ("requests dropped", "丢弃请求"),
    "compare_row_jobs completed": ("jobs completed", "完成作业"),
    "compare_row_job wait mean, s": ("job wait mean, s", "作业平均等待,秒"),
    "compare_row_job wait p99, s": ("job wait p99, s", "作业等待 p99,秒"),
    "compare_row_cost against plan": ("cost against plan", "成本相对计划"),
    "compare_row_work in the west": ("work in the west", "西部承担算量"),
    "compare_row_utilisation": ("utilisation", "利用率"),
    "compare_row_cost over bound": ("cost over bound", "成本高于下界"),
    "compare_row_above idle": ("above idle", "空载以上"),
    "compare_row_carbon over bound": ("carbon over bound", "碳排放高于下界"),
    "change_kind": ("change", "变化"),
    "change_part": ("of", "对象"),
    "change_item": ("id", "编号"),
    "change_what": ("figure", "指标"),
    "change_before": ("before", "原值"),
    "change_after": ("after", "新值"),
    "change_by": ("by", "增减"),
    "change_added": ("added", "新增"),
    "change_removed": ("removed", "移除"),
    "change_grown": ("grown", "增加"),
    "change_shrunk": ("shrunk", "减少"),
    "change_changed": ("changed", "改变"),
    "change_same": ("as before", "未变"),
    "change_none": ("Nothing: this is the base.", "无:即基准布局。"),
    "change_rest": ("{n} more", "其余 {n} 项"),
    "change_whole": ("the whole item", "整项"),
    "change_whole_sites": ("IT capacity, MW", "IT 容量,MW"),
    "change_whole_pools": ("accelerators", "加速卡"),
    "change_whole_links": ("capacity, Gbps", "容量,Gbps"),
    "change_part_sites": ("site", "站点"),
    "change_part_pools": ("pool", "资源池"),
    "change_part_links": ("link", "链路"),
    "change_part_regions": ("region", "区域"),
    "change_part_accelerators": ("accelerator", "加速卡型号"),
    "change_part_tariffs": ("tariff", "电价"),
    "change_part_grids": ("grid", "电网"),
    "change_links": ("Links", "链路"),
    "change_part_": ("topology", "拓扑"),
    "map_kind": ("what", "类别"),
    "map_from": ("place or from", "地点或起点"),
    "map_to": ("to", "终点"),
    "map_longitude": ("longitude", "经度"),
    "map_latitude": ("latitude", "纬度"),
    "map_value": ("value", "数值"),
    "map_unit": ("figure", "指标"),
    "no_script": ("The figures need JavaScript; the tables do not.",
                  "图形需要启用 JavaScript;表格不需要。"),
    "scroll": ("The table scrolls sideways on a narrow screen.", "窄屏下表格可横向滑动。"),
}  # fmt: skip

#: What the results are known not to be valid for; the same list as ``docs/validity.md``.
LIMITS: tuple[tuple[str, str], ...] = (
    ("Rack occupancy: racks are not simulated; the share of accelerators busy stands for them and "
     "is lower than the share of racks let.",
     "机柜上架率:未仿真机柜,以加速卡忙碌占比代替,低于实际出租率。"),
    ("Absolute serving latency of one engine: replica rates are roofline estimates; differences "
     "between sites, policies and loads are meaningful.",
     "单一推理引擎的绝对时延:副本速率为屋顶线模型估计;站点、策略与负载之间的差异有意义。"),
    ("Prices of data transfer: no public list was found; the figures are orders of magnitude.",
     "数据传输价格:未见公开价目,仅为数量级。"),
    ("Spot electricity markets: tariffs are time-of-use; provincial spot prices are not modelled.",
     "电力现货市场:采用分时电价,未模拟各省现货价格。"),
    ("Hourly or marginal emissions: grid factors are annual means by province.",
     "逐时或边际排放:电网排放因子为各省年均值。"),
    ("Green power by the hour: contracts are taken as a flat profile, so the hourly-matched share "
     "is an upper estimate for solar contracts.",
     "逐时绿电:绿电合同按平坦出力计,对光伏合同而言逐时匹配占比偏高。"),
    ("Demand charge of a short run: the highest slot of the run stands for the month's, and the "
     "charge is taken for the share of the month covered.",
     "短时段运行的需量电费:以运行期内最高时段代表全月最大需量,按所占月份比例计费。"),
    ("Failures of single nodes: only the outages and cuts of the scenario happen.",
     "单节点故障:仅发生场景中设定的停机与断链。"),
)  # fmt: skip


class Labels:
    """The words of one language."""

    def __init__(self, lang: Lang) -> None:
        self.lang: Lang = lang
        self._column = 0 if lang == "en" else 1

    def __call__(self, key: str, **parts: object) -> str:
        """Return a label with its parts filled in; an unknown key is a `KeyError`."""
        text = LABELS[key][self._column]
        return text.format(**parts) if parts else text

    def or_own(self, prefix: str, key: object) -> str:
        """Return the label ``prefix + key``, or the key itself where there is none."""
        known = LABELS.get(f"{prefix}{key}")
        return known[self._column] if known else str(key)

    def limits(self) -> list[str]:
        """Return what the results are not valid for."""
        return [pair[self._column] for pair in LIMITS]


def labels_of(lang: Lang) -> Labels:
    """Return the words of a language."""
    return Labels(lang)

//! How fast something grows, however it jitters.

/// The slope of a line through points (x, y), after Theil and Sen: the median of the slopes of all pairs, which a
/// third of the points may lie about. `None` for fewer than two different x.
pub(crate) fn slope(points: &[(f64, f64)]) -> Option<f64> {
    let mut slopes = Vec::new();
    for (index, (x, y)) in points.iter().enumerate() {
        let later = points.iter().skip(index + 1).filter(|(later, _)| later > x);
        slopes.extend(later.map(|(later, other)| (other - y) / (later - x)));
    }
    median(&mut slopes)
}

/// The middle value, or the mean of the two in the middle.
pub(crate) fn median(values: &mut [f64]) -> Option<f64> {
    values.sort_by(f64::total_cmp);
    let middle = values.len() / 2;
    let upper = *values.get(middle)?;
    if values.len() % 2 == 1 {
        return Some(upper);
    }
    Some(f64::midpoint(upper, *values.get(middle.checked_sub(1)?)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_has_its_slope_and_outliers_do_not_move_it() {
        let mut points: Vec<_> = (0..12_u8).map(|x| (f64::from(x), 5.0 + 2.0 * f64::from(x))).collect();
        assert_eq!(slope(&points), Some(2.0));
        points[3].1 = 1_000.0;
        points[7].1 = -1_000.0;
        points[11].1 = 400.0;
        assert_eq!(slope(&points), Some(2.0));
    }

    #[test]
    fn a_step_is_less_than_a_climb() {
        let step: Vec<_> = (0..20_u8).map(|x| (f64::from(x), if x < 4 { 1.0 } else { 2.0 })).collect();
        assert_eq!(slope(&step), Some(0.0));
        let climb: Vec<_> = (0..20_u8).map(|x| (f64::from(x), f64::from(x / 2))).collect();
        assert!(slope(&climb).unwrap() > 0.4);
    }

    #[test]
    fn too_little_has_none() {
        assert_eq!(slope(&[]), None);
        assert_eq!(slope(&[(1.0, 1.0)]), None);
        assert_eq!(slope(&[(1.0, 1.0), (1.0, 2.0)]), None);
    }
}
